#include "model/workflow_run.h"

namespace mecapy::model {

std::string_view name(NodeStatus status) {
  switch (status) {
    case NodeStatus::waiting:
    case NodeStatus::reading:
      return "waiting";
    case NodeStatus::running:
      return "running";
    case NodeStatus::completed:
      return "completed";
    case NodeStatus::failed:
      return "failed";
    case NodeStatus::skipped:
      return "skipped";
  }
  return "";
}

RunStatus public_status(WorkflowStatus status) {
  switch (status) {
    case WorkflowStatus::completed:
      return RunStatus::completed;
    case WorkflowStatus::failed:
      return RunStatus::failed;
    case WorkflowStatus::cancelled:
      return RunStatus::cancelled;
    default:
      return RunStatus::running;
  }
}

RunId as_run(const WorkflowRunId& id) { return RunId::parse(id.str()).value_or(RunId()); }

}  // namespace mecapy::model
