// How a run of a workflow that failed or was cancelled goes on: a pure function.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "model/workflow.h"
#include "model/workflow_run.h"

namespace mecapy::workflow {

// Nodes are their places in the definition.
struct Resumption {
  std::vector<std::pair<std::size_t, int>> versions{};  // of the tasks of nodes, from now on
  std::vector<std::size_t> force{};                     // no earlier run answers for these
};

// What `ended` becomes: what is completed stays, but for the nodes that are forced or have another
// version, and all that needs those. For a node that was forced before only runs of its own since
// then answer.
model::WorkflowRun resumed(const model::WorkflowRun& ended, const model::Workflow& definition,
                           const Resumption& how);

}  // namespace mecapy::workflow
