#include "client/answers.h"

#include <cmath>

#include "base/id.h"
#include "client/whole.h"
#include "wire/json.h"

namespace mecapy::client {
namespace {

model::Failure read_failure(const View& error) {
  model::Failure failure;
  const std::string code = error.text("code");
  failure.message = error.text("message");
  failure.traceback = error.text("traceback");
  failure.line = error.small("line");
  failure.column = error.small("column");
  const auto known = model::parse_outcome(code);
  failure.code = known.value_or(model::OutcomeCode::internal);
  if (!known) failure.message = code + ": " + failure.message;
  return failure;
}

// What is no figure, or none that a run can have, is 0.
model::Usage read_usage(const View& usage) {
  const auto times = [&](std::string_view name, double unit) {
    const double value = usage.number(name).value_or(0) * unit;
    return value > 0 && value < 1e15 ? std::llround(value) : 0;
  };
  model::Usage read;
  read.wall_us = times("wall_ms", 1e3);
  read.cpu_us = times("cpu_ms", 1e3);
  read.setup_us = times("setup_ms", 1e3);
  read.peak_memory_bytes = times("peak_memory_mb", 1 << 20);
  return read;
}

// Where the run goes, and what it has behind it there.
void read_way(const View& run, RunAnswer& answer) {
  answer.backend = run.text("backend");
  if (const auto estimate = run.object("estimate")) {
    if (const auto seconds = estimate->number("duration_s")) {
      answer.expected = {*seconds, estimate->text("source"), estimate->integer("samples")};
    }
  }
  answer.waiting = run.text("waiting");
  answer.moved_from = run.text("moved_from");
  answer.workflow_run_id = run.text("workflow_run_id");
  if (const auto saved = run.object("checkpoint")) {
    answer.checkpoint = {saved->text("saved_at"), saved->small("attempt").value_or(0),
                         saved->integer("bytes").value_or(0)};
  }
  answer.resumed_from = run.small("resumed_from").value_or(0);
}

}  // namespace

bool RunAnswer::has_ended() const {
  const auto known = model::parse_status(status);
  return known && model::is_end(*known);
}

Result<RunAnswer> read_run(const std::string& text) {
  const auto whole = read_whole(text, {"result"});
  if (!whole) return whole.error();
  const View run = whole->view();
  RunAnswer answer{run.text("id"), run.text("task_id")};
  if (!base::is_uuid(answer.id)) return broken();
  answer.version = run.small("version").value_or(0);
  answer.status = run.text("status");
  answer.attempt = run.small("attempt").value_or(0);
  answer.cancel_requested = run.is_true("cancel_requested");
  if (const auto error = run.object("error")) {
    answer.failure = read_failure(*error);
    answer.code = error->text("code");
  }
  if (const auto usage = run.object("usage")) {
    answer.usage = read_usage(*usage);
  }
  if (const auto cost = run.object("cost")) {
    answer.cost_eur = cost->number("eur");
    answer.cost_open = cost->text("why");
  }
  for (const json::value& one : run.list("artifacts")) {
    const View artifact(one);
    answer.artifacts.push_back(
        {artifact.text("name"), artifact.integer("size").value_or(0), artifact.text("sha256")});
  }
  answer.artifact_count = run.integer("artifact_count").value_or(0);
  answer.result = whole->raw("result");
  answer.progress = whole->raw("progress").value_or("");
  answer.cached_from = run.text("cached_from");
  read_way(run, answer);
  answer.queued_at = run.text("queued_at");
  answer.started_at = run.text("started_at");
  answer.finished_at = run.text("finished_at");
  return answer;
}

Progress read_progress(const std::string& text) {
  const json::value whole = parsed(text);
  const View progress(whole);
  return {progress.number("fraction"), progress.text("message")};
}

Result<TaskAnswer> read_task(const std::string& text) {
  const auto whole = read_whole(text, {"inputs"});
  if (!whole) return whole.error();
  const View task = whole->view();
  TaskAnswer answer{task.text("id"), task.text("name"), task.text("description")};
  if (!base::is_uuid(answer.id)) return broken();
  for (const json::value& tag : task.list("tags")) {
    if (tag.is_string()) answer.tags.emplace_back(tag.get_string());
  }
  answer.version = task.small("version").value_or(0);
  answer.code = task.text("code");
  answer.inputs = whole->raw("inputs").value_or("");
  if (const auto limits = task.object("limits")) {
    for (const auto& [name, value] : limits->members()) {
      if (value.is_number())
        answer.limits.emplace_back(name, wire::number_text(value.to_number<double>()));
    }
  }
  if (const auto cache = task.object("cache")) answer.cache_ttl_s = cache->number("ttl");
  answer.updated_at = task.text("updated_at");
  return answer;
}

Result<Page> read_page(const std::string& body) {
  const auto broken = fail(ErrorCode::unavailable, "the server's list cannot be read");
  if (!wire::validate_json(body)) return broken;
  const auto members = wire::object_members(body);
  if (!members) return broken;
  Page page;
  for (const wire::Member& one : *members) {
    if (one.key == "items") {
      for (const std::string_view item : wire::array_items(one.raw)) page.items.emplace_back(item);
    }
    if (one.key == "next") page.next = wire::string_value(one.raw).value_or("");
  }
  return page;
}

std::string text_member(const std::string& text, std::string_view name) {
  const auto whole = read_whole(text, {});
  return whole ? whole->view().text(name) : "";
}

int integer_member(const std::string& text, std::string_view name) {
  const auto whole = read_whole(text, {});
  return whole ? whole->view().small(name).value_or(0) : 0;
}

bool is_true(const std::string& text, std::string_view name) {
  const auto whole = read_whole(text, {});
  return whole && whole->view().is_true(name);
}

}  // namespace mecapy::client
