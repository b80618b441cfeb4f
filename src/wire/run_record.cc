#include "wire/run_record.h"

#include <charconv>
#include <map>

#include "wire/cost_json.h"
#include "wire/json.h"
#include "wire/worker_json.h"

namespace mecapy::wire {
namespace {

// The shape of a record: another version reads no other's.
constexpr std::string_view kShape = "4";

std::int64_t us_of(base::TimePoint time) { return time.time_since_epoch().count(); }

// Reads members of a record; `broken` once one was not as it should be.
class Record {
 public:
  explicit Record(std::string_view text) {
    if (!validate_json(text, kMaxDepth + 2)) return;
    const auto members = object_members(text);
    if (!members) return;
    for (const Member& member : *members) raw_.emplace(member.key, member.raw);
    broken = false;
  }
  bool has(std::string_view name) const { return raw_.contains(name); }
  std::string_view raw(std::string_view name) {
    const auto found = raw_.find(name);
    if (found != raw_.end()) return found->second;
    broken = true;
    return "null";
  }
  std::string text(std::string_view name) {
    auto value = string_value(raw(name));
    if (value) return std::move(*value);
    broken = true;
    return {};
  }
  std::int64_t integer(std::string_view name) {
    const std::string_view digits = raw(name);
    std::int64_t value = 0;
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (end.ec != std::errc() || end.ptr != digits.data() + digits.size()) broken = true;
    return value;
  }
  double number(std::string_view name) {
    const std::string_view digits = raw(name);
    double value = 0;
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (end.ec != std::errc() || end.ptr != digits.data() + digits.size()) broken = true;
    return value;
  }
  base::TimePoint time(std::string_view name) {
    return base::TimePoint(std::chrono::microseconds(integer(name)));
  }
  std::optional<base::TimePoint> maybe_time(std::string_view name) {
    if (!has(name)) return std::nullopt;
    return time(name);
  }
  template <class Id>
  Id id(std::string_view name) {
    auto id = Id::parse(text(name));
    if (id) return std::move(*id);
    broken = true;
    return {};
  }

  bool broken = true;

 private:
  std::map<std::string, std::string_view, std::less<>> raw_;
};

}  // namespace

std::string run_record(const model::Run& run) {
  ObjectWriter out;
  out.text("shape", kShape)
      .text("id", run.id.str())
      .text("task_id", run.task_id.str())
      .text("user", run.user)
      .integer("version", run.version)
      .integer("attempt", run.attempt)
      .boolean("cancel_requested", run.cancel_requested)
      .integer("queued_at", us_of(run.queued_at));
  if (run.started_at) out.integer("started_at", us_of(*run.started_at));
  if (run.finished_at) out.integer("finished_at", us_of(*run.finished_at));
  if (!run.cached_from.empty()) out.text("cached_from", run.cached_from.str());
  if (!run.backend.empty()) out.text("backend", run.backend);
  if (!run.moved_from.empty()) out.text("moved_from", run.moved_from);
  if (run.resumed_from > 0) out.integer("resumed_from", run.resumed_from);
  if (run.estimate) {
    out.number("estimate_s", run.estimate->seconds)
        .text("estimate_from", run.estimate->from)
        .integer("estimate_samples", run.estimate->samples);
  }
  if (run.cost) out.raw("cost", cost_json(*run.cost));
  out.raw("end", end_line(run.end));
  return std::move(out).finish();
}

std::optional<model::Run> read_run_record(std::string_view text) {
  Record record(text);
  if (record.broken || record.text("shape") != kShape) return std::nullopt;
  model::Run run;
  run.id = record.id<model::RunId>("id");
  run.task_id = record.id<model::TaskId>("task_id");
  run.user = record.text("user");
  run.version = static_cast<int>(record.integer("version"));
  run.attempt = static_cast<int>(record.integer("attempt"));
  run.cancel_requested = record.raw("cancel_requested") == "true";
  run.queued_at = record.time("queued_at");
  run.started_at = record.maybe_time("started_at");
  run.finished_at = record.maybe_time("finished_at");
  if (record.has("cached_from")) run.cached_from = record.id<model::RunId>("cached_from");
  if (record.has("backend")) run.backend = record.text("backend");
  if (record.has("moved_from")) run.moved_from = record.text("moved_from");
  if (record.has("resumed_from")) {
    run.resumed_from = static_cast<int>(record.integer("resumed_from"));
  }
  if (record.has("estimate_s")) {
    run.estimate = model::Estimate{record.number("estimate_s"), record.text("estimate_from"),
                                   static_cast<int>(record.integer("estimate_samples"))};
  }
  if (record.has("cost")) {
    run.cost = read_cost(record.raw("cost"));
    if (!run.cost) return std::nullopt;
  }
  auto end = read_worker_line(record.raw("end"));
  if (record.broken || !end || end->type != WorkerLine::Type::end) return std::nullopt;
  run.end = std::move(end->end);
  run.status = run.end.status;
  return run;
}

}  // namespace mecapy::wire
