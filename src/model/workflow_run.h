// A workflow that runs, as far as it has come: plain values. What is done next of it says
// workflow/engine.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/ids.h"
#include "model/run.h"

namespace mecapy::model {

enum class NodeStatus : std::uint8_t { waiting, reading, running, completed, failed, skipped };
// Of the whole; `failing` and `cancelling` wait for what still runs.
enum class WorkflowStatus : std::uint8_t {
  running,
  failing,
  cancelling,
  completed,
  failed,
  cancelled
};
inline bool is_end(WorkflowStatus status) { return status >= WorkflowStatus::completed; }
// By the names of the API, which are those of a run; what only waits for its end is running.
std::string_view name(NodeStatus status);
RunStatus public_status(WorkflowStatus status);

// What is known of a node.
struct NodeState {
  NodeStatus status = NodeStatus::waiting;
  std::size_t elements = 0;         // 1 where there is no list; known once it is read
  std::size_t begun = 0;            // runs, in the order of elements
  std::size_t failed = 0;           // of those that ended
  std::vector<std::size_t> open{};  // elements that have begun and not ended, ascending
  bool by_default = false;          // its default is its result
  friend bool operator==(const NodeState&, const NodeState&) = default;
};

struct WorkflowState {
  WorkflowStatus status = WorkflowStatus::running;
  std::vector<NodeState> nodes;  // by their place in the definition
};

// Why a node failed, or an element of it.
struct NodeError {
  std::string code;  // an outcome's (outcome.h), or an error's (base/error.h)
  std::string message;
  RunId run_id{};                        // of the run that failed, where one had begun
  std::optional<std::size_t> element{};  // of a list
};

// What is remembered of a node for people, and for who calculates it again.
struct NodeRecord {
  TaskId task_id{};
  int version = 0;  // of the task: that which every run of it has
  // The attempt of the workflow run in which it was last begun from nothing; runs of earlier ones
  // count no more.
  int since = 1;
  RunId run_id{};  // the last; of a node without a list
  RunId reused_from{};
  std::size_t reused = 0;  // elements whose run was answered by an earlier one
  // The attempt of the workflow run in which it was forced: from then on only its own runs answer
  // for it; 0 for one whose every earlier run may.
  int fresh_since = 0;
  std::map<std::size_t, int> tries{};  // runs of an open element that have failed, where some have
  std::optional<NodeError> error{};    // the first
  std::optional<base::TimePoint> started_at{};
  std::optional<base::TimePoint> finished_at{};
  std::int64_t changed = 0;  // revision of the workflow run that changed it last
};

struct WorkflowRun {
  WorkflowRunId id{};
  WorkflowId workflow_id{};
  std::string user;
  int version = 1;
  std::string definition_json{};  // of that version, where one run was asked for
  int attempt = 1;                // each resumption raises it
  std::int64_t revision = 0;      // each change raises it
  bool cancel_requested = false;
  Payload inputs{};  // an object by the names of the workflow's inputs
  WorkflowState state{};
  std::vector<NodeRecord> nodes{};   // as state.nodes
  Payload result{};                  // an object by the names of its outputs, once completed
  std::optional<NodeError> error{};  // of the whole; with the node it is of:
  std::string failed_node{};         // "" where it is an output's
  base::TimePoint queued_at{};
  std::optional<base::TimePoint> resumed_at{};  // when its attempt began, after the first
  std::optional<base::TimePoint> finished_at{};
  std::optional<double> cost_eur{};  // of its runs so far, where it was asked for
};

// Whose name what a run of a workflow tells and keeps has, among that of runs: its id is no run's.
RunId as_run(const WorkflowRunId& id);

}  // namespace mecapy::model
