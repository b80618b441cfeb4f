// The nodes of a run of a workflow, a row each.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/workflow_run.h"
#include "store/connection.h"

namespace mecapy::store {

// Into run.state.nodes and run.nodes.
void read_nodes(Connection& connection, model::WorkflowRun& run);
// Those of `places`; `changed` is theirs from now on.
void write_nodes(Connection& connection, const model::WorkflowRun& run,
                 const std::vector<std::size_t>& places, std::int64_t changed);

std::string status_text(model::WorkflowStatus status);
model::WorkflowStatus parse_workflow_status(const std::string& text);

}  // namespace mecapy::store
