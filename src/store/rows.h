// Rows of tasks and runs as a SELECT answers them, and what they mean in the model.
#pragma once

#include <soci/soci.h>

#include <string>
#include <vector>

#include "model/run.h"
#include "model/task.h"
#include "store/column.h"
#include "store/sql_text.h"

namespace mecapy::store {

// A task with one of its versions but for inputs and code:
// "SELECT <kTaskColumns> FROM tasks t JOIN task_versions v ...".
inline constexpr char kTaskColumns[] =
    "t.id, t.owner, t.name, t.description, t.tags, t.estimated_duration_s, t.cache_ttl_s, t.ad_hoc,"
    " t.created_at, t.updated_at, v.number, v.limits";
inline constexpr char kTaskPayloadColumns[] = "v.inputs, v.code";

struct TaskRow {
  std::string id, owner, name, description, tags;
  Nullable<double> estimated_duration_s, cache_ttl_s;
  int ad_hoc = 0;
  long long created_at = 0, updated_at = 0;
  int number = 0;
  std::string limits, inputs, code;

  // Adds the variables for kTaskColumns to a statement.
  void into(soci::statement& statement);
  // Adds those for kTaskPayloadColumns, to come after.
  void into_payloads(soci::statement& statement);
  model::Task task() const;
};

// The columns of a run but for those that may be large; what it used is in the order of
// model::kUsageTable.
inline constexpr char kRunColumns[] =
    "id, task_id, owner, version, status, attempt, cancel_requested, queued_at, started_at,"
    " finished_at, failure_code, failure_line, failure_column, wall_us, cpu_us,"
    " peak_memory_bytes, setup_us, log_bytes, result_bytes, artifact_bytes, written_bytes, "
    "artifact_count,"
    " log_truncated, environment, cached_from, failure_message, backend, estimate_s, estimate_from,"
    " estimate_samples, moved_from, waiting, checkpoint_attempt, checkpoint_number,"
    " checkpoint_bytes, checkpoint_at, resumed_from, checkpoint_sha256, cost, cost_complete, "
    "cost_parts, workflow_run_id";
// The row that holds the payloads and artifacts, where it is another one, and those of this row.
inline constexpr char kRunPayloadColumns[] =
    "payloads_of, failure_traceback, inputs_key, result_key, log_key, inputs, result, log";

struct RunRow {
  std::string id, task_id, owner;
  int version = 0;
  std::string status;
  int attempt = 0, cancel_requested = 0;
  long long queued_at = 0;
  Nullable<long long> started_at, finished_at;
  Nullable<std::string> failure_code;
  Nullable<int> failure_line, failure_column;
  model::Usage usage{};
  long long artifact_count = 0;
  int log_truncated = 0;
  std::string environment;
  Nullable<std::string> cached_from;
  Nullable<std::string> failure_message;
  std::string backend;
  Nullable<double> estimate_s;
  std::string estimate_from;
  int estimate_samples = 0;
  std::string moved_from, waiting;
  int checkpoint_attempt = 0;
  long long checkpoint_number = 0, checkpoint_bytes = 0, checkpoint_at = 0;
  int resumed_from = 0;
  std::string checkpoint_sha256;
  Nullable<long long> cost;
  int cost_complete = 1;
  std::string cost_parts;
  Nullable<std::string> workflow_run_id;

  Nullable<std::string> payloads_of, failure_traceback;
  std::string inputs_key, result_key, log_key, inputs, result, log;

  // Adds the variables for kRunColumns to a statement.
  void into(soci::statement& statement);
  // Adds those for kRunPayloadColumns, to come after.
  void into_payloads(soci::statement& statement);
  // The run without its artifacts.
  model::Run run() const;

 private:
  std::optional<model::Estimate> estimate() const;
  std::optional<model::Checkpoint> checkpoint() const;
  std::optional<model::Failure> failure() const;
  std::optional<model::Cost> kept_cost(model::RunStatus now) const;
};

// An id that the database holds. It was checked before it was written.
template <class Id>
Id trusted_id(const std::string& text) {
  return Id::parse(text).value_or(Id());
}

}  // namespace mecapy::store
