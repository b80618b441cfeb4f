// The runs of a workflow's nodes, made ready for the store: with the inputs that their sources are
// worth, and the limits of their node.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "model/workflow.h"
#include "model/workflow_run.h"
#include "orchestrator/parts.h"
#include "orchestrator/values.h"

namespace mecapy::orchestrator {

class RunMaker {
 public:
  // All of them outlive it, and it sees what becomes of the run.
  RunMaker(const Parts& parts, const Options& options, const model::Workflow& definition,
           const model::WorkflowRun& run, Values& values)
      : parts_(parts), options_(options), definition_(definition), run_(run), values_(values) {}

  // The run of an element of a node, whose record is `record`; where an earlier run may answer it,
  // that one's answer. Errors of the kinds that Values and Parts::prepare give, and invalid_fields
  // for limits beyond the ceilings.
  awaitable<Result<model::Run>> make(const model::NodeRecord& record, std::size_t node,
                                     std::size_t element, bool may_reuse);

 private:
  awaitable<Result<std::string>> inputs_of(const model::WorkflowNode& node, std::size_t element,
                                           std::string_view defaults);
  awaitable<Result<model::Task>> task_of(const model::NodeRecord& record);

  const Parts& parts_;
  const Options& options_;
  const model::Workflow& definition_;
  const model::WorkflowRun& run_;
  Values& values_;
  std::map<std::pair<std::string, int>, model::Task> tasks_{};  // by id and version
};

}  // namespace mecapy::orchestrator
