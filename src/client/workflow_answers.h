// What the API answers about workflows, as values. All texts are untrusted, as in answers.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/answers.h"

namespace mecapy::client {

struct WorkflowAnswer {
  std::string id;
  std::string name{};
  std::string description{};
  int version = 0;
  std::string inputs{}, nodes{}, outputs{};  // JSON objects; "" where lists leave them out
  std::string updated_at{};
};
// unavailable for what is no workflow, or has no id that can be one.
Result<WorkflowAnswer> read_workflow(const std::string& json);

// What a run is expected to take and cost, as far as it is known.
struct WorkflowEstimate {
  std::optional<double> seconds{};
  std::optional<double> eur{};
  bool complete = false;
};
WorkflowEstimate read_workflow_estimate(const std::string& json);

// Why a node failed, and with it the workflow.
struct NodeFailure {
  std::string node{};  // ""; also of an output that is not there
  std::string code{};
  std::string message{};
  std::string run_id{};  // "": none was made
  std::optional<std::int64_t> element{};
};

struct NodeAnswer {
  std::string name{};
  std::string task_id{};
  int version = 0;
  std::string status{};  // "waiting", ...
  std::optional<std::int64_t> elements{};
  std::int64_t ended = 0, failed = 0, reused = 0;  // of the elements
  std::string run_id{};
  std::string reused_from{};
  bool by_default = false;
  std::optional<NodeFailure> failure{};
  std::string started_at{};
  std::string finished_at{};

  bool has_ended() const;
};
// As an event tells it; what is no node has no name.
NodeAnswer read_node(const std::string& json);

// What the run of a node writes, or reports, as an event tells it.
struct NodeNews {
  std::string node{};
  std::string run_id{};
  int attempt = 0;
  std::string text{};  // of its log
  Progress progress{};
};
NodeNews read_node_news(const std::string& json);

struct WorkflowRunAnswer {
  std::string id;
  std::string workflow_id{};
  int version = 0;
  std::string status{};
  int attempt = 0;
  bool cancel_requested = false;
  std::vector<NodeAnswer> nodes{};  // in the order of the definition; lists leave them out
  std::optional<NodeFailure> failure{};
  std::optional<std::string> result{};  // JSON as it came
  std::string queued_at{};
  std::string finished_at{};

  bool has_ended() const;
  bool was_cancelled() const { return status == "cancelled"; }
};
// unavailable for what is no run of a workflow, or has no ids that can be such.
Result<WorkflowRunAnswer> read_workflow_run(const std::string& json);

}  // namespace mecapy::client
