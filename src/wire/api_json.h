// The JSON of the public HTTP contract: requests read, answers written.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/run.h"
#include "model/task.h"

namespace mecapy::wire {

// Body of POST /api/tasks and of the ad-hoc execute: `ad_hoc` chooses. Limits are checked against
// `ceilings`. The task has no id, user or times yet.
enum class TaskKind : std::uint8_t { kept, ad_hoc };
Result<model::Task> read_task(std::string_view body, TaskKind kind, const model::Limits& ceilings);

struct TaskPatch {
  std::optional<std::string> name, description, code, inputs;
  std::optional<std::vector<std::string>> tags;
  std::optional<std::optional<double>> estimated_duration_s;  // nothing inside: taken away
  std::optional<std::optional<double>> cache_ttl_s;           // the same
  // Applied to the limits of the latest version.
  bool has_limits = false;
  std::string limits_json = "{}";
};
Result<TaskPatch> read_patch(std::string_view body, const model::Limits& ceilings);
// The latest limits with those of the patch in place, checked against `ceilings`.
Result<model::Limits> patched_limits(const TaskPatch& patch, const model::Limits& latest,
                                     const model::Limits& ceilings);

struct ExecuteRequest {
  std::optional<std::string> inputs;  // JSON
  std::optional<int> version;
  std::optional<double> estimated_duration_s;
};
// An empty body means {}.
Result<ExecuteRequest> read_execute(std::string_view body);

// The body of a cancel, which says nothing.
Result<void> read_cancel(std::string_view body);

std::string task_json(const model::Task& task);
// The same without code and inputs.
std::string task_summary_json(const model::Task& task);
// With `result`, the (valid JSON) result of a completed run is part of it; with `progress`, what
// one that is at work said last (valid JSON).
std::string run_json(const model::Run& run, std::optional<std::string_view> result,
                     std::string_view progress = {});
// As a list has it: the number of its artifacts in their place, no traceback, no result.
std::string run_summary_json(const model::Run& run);
// run_json of a completed run whose result stands elsewhere: what comes before and after it.
struct Around {
  std::string before{};
  std::string after{};
};
Around run_json_around_result(const model::Run& run);
std::string link_json(std::string_view url, base::TimePoint expires_at);
std::string accepted_json(const model::Run& run);
// {task_id, run_id: null, status: null}: a task that never ran.
std::string never_ran_json(const model::TaskId& task);
std::string page_json(const std::vector<std::string>& items, std::string_view next);
// RFC 9457. Never holds anything but the error's own words.
std::string problem_json(const Error& error, int status, std::string_view request_id);

}  // namespace mecapy::wire
