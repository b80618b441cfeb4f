#include "wire/api_json.h"

#include <cmath>

#include "wire/cost_json.h"
#include "wire/json.h"
#include "wire/run_parts.h"
#include "wire/schema.h"

namespace mecapy::wire {

Result<model::Task> read_task(std::string_view body, TaskKind kind, const model::Limits& ceilings) {
  const bool ad_hoc = kind == TaskKind::ad_hoc;
  const auto fields =
      read_fields(body, find_spec(ad_hoc ? "AdHocExecute" : "TaskCreate"), ceilings);
  if (!fields) return fields.error();
  model::Task task;
  task.ad_hoc = ad_hoc;
  task.name = fields->text("name").value_or("ad hoc");
  task.description = fields->text("description").value_or("");
  task.tags = fields->text_list("tags").value_or(std::vector<std::string>{});
  task.estimated_duration_s = fields->number("estimated_duration_s");
  if (const auto cache = fields->nested("cache")) task.cache_ttl_s = cache->number("ttl");
  task.version.code = *fields->text("code");
  task.version.inputs = fields->raw("inputs").value_or("{}");
  task.version.limits = model::bound_cpu(
      fields->limits("limits", model::lower_to(model::Limits{}, ceilings)), ceilings);
  if (const auto fit = model::check_limits(task.version.limits, ceilings); !fit) return fit.error();
  return task;
}

Result<TaskPatch> read_patch(std::string_view body, const model::Limits& ceilings) {
  const auto fields = read_fields(body, find_spec("TaskUpdate"), ceilings);
  if (!fields) return fields.error();
  TaskPatch patch;
  patch.name = fields->text("name");
  patch.description = fields->text("description");
  if (fields->is_null("description")) patch.description = "";
  patch.code = fields->text("code");
  patch.inputs = fields->raw("inputs");
  patch.tags = fields->text_list("tags");
  if (fields->has("estimated_duration_s")) {
    patch.estimated_duration_s.emplace(fields->number("estimated_duration_s"));
  }
  if (fields->has("cache")) {
    const auto cache = fields->nested("cache");
    patch.cache_ttl_s.emplace(cache ? cache->number("ttl") : std::nullopt);
  }
  patch.has_limits = fields->has("limits");
  patch.limits_json = fields->raw("limits").value_or("{}");
  return patch;
}

Result<model::Limits> patched_limits(const TaskPatch& patch, const model::Limits& latest,
                                     const model::Limits& ceilings) {
  const model::Limits limits = model::bound_cpu(read_limits(patch.limits_json, latest), ceilings);
  if (const auto fit = model::check_limits(limits, ceilings); !fit) return fit.error();
  return limits;
}

Result<ExecuteRequest> read_execute(std::string_view body) {
  const auto fields = read_fields(body.empty() ? "{}" : body, find_spec("Execute"));
  if (!fields) return fields.error();
  return ExecuteRequest{fields->raw("inputs"), fields->integer("version"),
                        fields->number("estimated_duration_s")};
}

Result<void> read_cancel(std::string_view body) {
  if (body.empty()) return {};
  const auto fields = read_fields(body, find_spec("Cancel"));
  if (!fields) return fields.error();
  return {};
}

namespace {

ObjectWriter begin_task(const model::Task& task) {
  std::vector<std::string> tags;
  for (const std::string& tag : task.tags) tags.push_back(quote(tag));
  ObjectWriter out;
  out.text("id", task.id.str())
      .text("name", task.name)
      .text("description", task.description)
      .raw("tags", array_of(tags))
      .integer("version", task.version.number);
  return out;
}

std::string end_task(ObjectWriter out, const model::Task& task) {
  out.raw("limits", limits_json(task.version.limits));
  if (task.cache_ttl_s) {
    out.raw("cache", std::move(ObjectWriter().number("ttl", *task.cache_ttl_s)).finish());
  }
  if (task.estimated_duration_s) out.number("estimated_duration_s", *task.estimated_duration_s);
  out.text("created_at", base::to_rfc3339(task.created_at))
      .text("updated_at", base::to_rfc3339(task.updated_at));
  return std::move(out).finish();
}

}  // namespace

std::string task_json(const model::Task& task) {
  ObjectWriter out = begin_task(task);
  out.text("code", task.version.code).raw("inputs", task.version.inputs);
  return end_task(std::move(out), task);
}

std::string task_summary_json(const model::Task& task) { return end_task(begin_task(task), task); }

namespace {

std::string public_artifacts(const model::Run& run) {
  std::vector<std::string> items;
  for (const model::Artifact& artifact : run.end.artifacts) {
    items.push_back(std::move(ObjectWriter()
                                  .text("name", artifact.name)
                                  .integer("size", artifact.size)
                                  .text("content_type", artifact.content_type)
                                  .text("sha256", artifact.sha256)
                                  .text("url", "/api/runs/" + run.id.str() + "/artifacts/" +
                                                   url_path(artifact.name)))
                        .finish());
  }
  return array_of(items);
}

std::string failure_json(const model::Failure& failure) {
  const model::OutcomeRow& outcome = model::row(failure.code);
  ObjectWriter out;
  out.text("code", outcome.name)
      .text("message", failure.message)
      .text("fault", model::name(outcome.fault));
  if (!failure.traceback.empty()) out.text("traceback", failure.traceback);
  if (failure.line) out.integer("line", *failure.line);
  if (failure.column) out.integer("column", *failure.column);
  return std::move(out).finish();
}

double ms(std::int64_t us) { return static_cast<double>(us) / 1e3; }

std::string public_usage(const model::Usage& usage) {
  const double mib = std::round(static_cast<double>(usage.peak_memory_bytes) / (1 << 20) * 10) / 10;
  ObjectWriter out;
  out.number("wall_ms", ms(usage.wall_us))
      .number("cpu_ms", ms(usage.cpu_us))
      .number("peak_memory_mb", mib)
      .number("setup_ms", ms(usage.setup_us))
      .integer("log_bytes", usage.log_bytes)
      .integer("result_bytes", usage.result_bytes)
      .integer("artifact_bytes", usage.artifact_bytes);
  if (usage.written_bytes >= 0) out.integer("written_bytes", usage.written_bytes);
  return std::move(out).finish();
}

enum class Shown : std::uint8_t { whole, listed };

std::string checkpoint_json(const model::Checkpoint& checkpoint) {
  return std::move(ObjectWriter()
                       .text("saved_at", base::to_rfc3339(checkpoint.saved_at))
                       .integer("attempt", checkpoint.attempt)
                       .integer("bytes", checkpoint.size))
      .finish();
}

ObjectWriter begin_run(const model::Run& run, Shown shown) {
  ObjectWriter out;
  out.text("id", run.id.str())
      .text("run_id", run.id.str())
      .text("task_id", run.task_id.str())
      .integer("version", run.version)
      .text("status", model::name(run.status))
      .integer("attempt", run.attempt)
      .boolean("cancel_requested", run.cancel_requested);
  if (!run.backend.empty()) out.text("backend", run.backend);
  if (run.estimate) out.raw("estimate", estimate_json(*run.estimate));
  if (!run.moved_from.empty()) out.text("moved_from", run.moved_from);
  if (!run.workflow_run.empty()) out.text("workflow_run_id", run.workflow_run.str());
  // With the run it ends.
  const bool kept = run.checkpoint && !model::is_end(run.status);
  if (kept) out.raw("checkpoint", checkpoint_json(*run.checkpoint));
  if (run.resumed_from > 0) out.integer("resumed_from", run.resumed_from);
  const bool queued = run.status == model::RunStatus::queued;
  if (queued && !run.waiting.empty()) out.text("waiting", run.waiting);
  if (run.end.failure) out.raw("error", failure_json(*run.end.failure));
  if (!run.end.environment.empty()) out.text("environment", run.end.environment);
  if (!run.cached_from.empty()) out.text("cached_from", run.cached_from.str());
  if (model::is_end(run.status)) {
    // What was not calculated used nothing.
    if (run.cached_from.empty()) out.raw("usage", public_usage(run.end.usage));
    if (shown == Shown::listed) {
      out.integer("artifact_count", run.artifact_count);
    } else {
      out.integer("artifact_count", static_cast<std::int64_t>(run.end.artifacts.size()))
          .raw("artifacts", public_artifacts(run));
    }
    out.boolean("log_truncated", run.end.log_truncated);
  }
  if (run.cost) out.raw("cost", cost_json(*run.cost));
  return out;
}

std::string end_run(ObjectWriter out, const model::Run& run) {
  out.text("queued_at", base::to_rfc3339(run.queued_at));
  if (run.started_at) out.text("started_at", base::to_rfc3339(*run.started_at));
  if (run.finished_at) out.text("finished_at", base::to_rfc3339(*run.finished_at));
  return std::move(out).finish();
}

}  // namespace

std::string run_json(const model::Run& run, std::optional<std::string_view> result,
                     std::string_view progress) {
  ObjectWriter out = begin_run(run, Shown::whole);
  if (!progress.empty()) out.raw("progress", progress);
  if (result) out.raw("result", *result);
  return end_run(std::move(out), run);
}

std::string run_summary_json(const model::Run& run) {
  return end_run(begin_run(run, Shown::listed), run);
}

Around run_json_around_result(const model::Run& run) {
  ObjectWriter out = begin_run(run, Shown::whole);
  out.raw("result", "");
  const std::size_t here = out.size();
  std::string before = end_run(std::move(out), run);
  std::string after = before.substr(here);
  before.resize(here);
  return {std::move(before), std::move(after)};
}

std::string link_json(std::string_view url, base::TimePoint expires_at) {
  return std::move(ObjectWriter().text("url", url).text("expires_at", base::to_rfc3339(expires_at)))
      .finish();
}

std::string accepted_json(const model::Run& run) {
  return std::move(ObjectWriter()
                       .text("status", model::name(run.status))
                       .text("task_id", run.task_id.str())
                       .text("run_id", run.id.str()))
      .finish();
}

std::string never_ran_json(const model::TaskId& task) {
  return std::move(
             ObjectWriter().text("task_id", task.str()).raw("run_id", "null").raw("status", "null"))
      .finish();
}

std::string page_json(const std::vector<std::string>& items, std::string_view next) {
  ObjectWriter out;
  out.raw("items", array_of(items));
  if (!next.empty()) out.text("next", next);
  return std::move(out).finish();
}

std::string problem_json(const Error& error, int status, std::string_view request_id) {
  const base::ErrorRow& kind = base::row(error.code);
  ObjectWriter out;
  out.text("type", "/docs/contract#" + std::string(kind.name))
      .text("title", kind.title)
      .integer("status", status)
      .text("code", kind.name)
      .text("detail", error.message)
      .text("request_id", request_id);
  if (!error.problems.empty()) {
    std::vector<std::string> items;
    for (const FieldProblem& problem : error.problems) {
      ObjectWriter item;
      item.text("pointer", problem.pointer).text("detail", problem.detail);
      if (problem.line) item.integer("line", *problem.line);
      if (problem.column) item.integer("column", *problem.column);
      items.push_back(std::move(item).finish());
    }
    out.raw("errors", array_of(items));
  }
  return std::move(out).finish();
}

}  // namespace mecapy::wire
