#include "store/rows.h"

#include "model/cost.h"
#include "store/text_codec.h"

namespace mecapy::store {
namespace {

template <class... Column>
void add_into(soci::statement& statement, Column&... column) {
  using soci::into;  // beside our into() for Nullable
  (statement.exchange(into(column)), ...);
}

}  // namespace

void TaskRow::into(soci::statement& statement) {
  add_into(statement, id, owner, name, description, tags, estimated_duration_s, cache_ttl_s, ad_hoc,
           created_at, updated_at, number, limits);
}

void TaskRow::into_payloads(soci::statement& statement) { add_into(statement, inputs, code); }

model::Task TaskRow::task() const {
  return {.id = trusted_id<model::TaskId>(id),
          .user = owner,
          .name = name,
          .description = description,
          .tags = decode_tags(tags),
          .estimated_duration_s = estimated_duration_s.get(),
          .cache_ttl_s = cache_ttl_s.get(),
          .ad_hoc = ad_hoc != 0,
          .version = {.number = number,
                      .code = code,
                      .inputs = inputs,
                      .limits = decode_limits(limits)},
          .created_at = from_us(created_at),
          .updated_at = from_us(updated_at)};
}

void RunRow::into(soci::statement& statement) {
  add_into(statement, id, task_id, owner, version, status, attempt, cancel_requested, queued_at,
           started_at, finished_at, failure_code, failure_line, failure_column);
  for (const model::UsageRow& row : model::kUsageTable) add_into(statement, usage.*row.field);
  add_into(statement, artifact_count, log_truncated, environment, cached_from, failure_message,
           backend, estimate_s, estimate_from, estimate_samples, moved_from, waiting,
           checkpoint_attempt, checkpoint_number, checkpoint_bytes, checkpoint_at, resumed_from,
           checkpoint_sha256, cost, cost_complete, cost_parts, workflow_run_id);
}

void RunRow::into_payloads(soci::statement& statement) {
  add_into(statement, payloads_of, failure_traceback, inputs_key, result_key, log_key, inputs,
           result, log);
}

model::Run RunRow::run() const {
  const model::RunStatus now = model::parse_status(status).value_or(model::RunStatus::failed);
  return {.id = trusted_id<model::RunId>(id),
          .task_id = trusted_id<model::TaskId>(task_id),
          .user = owner,
          .version = version,
          .status = now,
          .attempt = attempt,
          .inputs = {.inline_bytes = inputs, .key = inputs_key},
          .end = {.status = now,
                  .result = {.inline_bytes = result, .key = result_key},
                  .failure = failure(),
                  .usage = usage,
                  .log = {.inline_bytes = log, .key = log_key},
                  .log_truncated = log_truncated != 0,
                  .environment = environment},
          .artifact_count = artifact_count,
          .cancel_requested = cancel_requested != 0,
          .cached_from = trusted_id<model::RunId>(cached_from.get().value_or("")),
          .workflow_run = trusted_id<model::WorkflowRunId>(workflow_run_id.get().value_or("")),
          .backend = backend,
          .estimate = estimate(),
          .moved_from = moved_from,
          .checkpoint = checkpoint(),
          .resumed_from = resumed_from,
          .waiting = waiting,
          .cost = kept_cost(now),
          .queued_at = from_us(queued_at),
          .started_at = from_us(started_at),
          .finished_at = from_us(finished_at)};
}

std::optional<model::Estimate> RunRow::estimate() const {
  const auto seconds = estimate_s.get();
  if (!seconds) return std::nullopt;
  return model::Estimate{*seconds, estimate_from, estimate_samples};
}

std::optional<model::Checkpoint> RunRow::checkpoint() const {
  if (checkpoint_number == 0) return std::nullopt;
  return model::Checkpoint{checkpoint_attempt, checkpoint_number, checkpoint_bytes,
                           checkpoint_sha256, from_us(checkpoint_at)};
}

std::optional<model::Cost> RunRow::kept_cost(model::RunStatus now) const {
  const auto pico = cost.get();
  if (!pico) return std::nullopt;
  model::Cost kept = decode_cost(cost_parts);
  kept.eur = model::euros_of(*pico);
  kept.complete = cost_complete != 0;
  if (kept.complete) return kept;
  kept.why = model::unknown_prices(kept);
  const std::string_view open = model::is_end(now) ? model::kMachineThere : model::kStillRuns;
  if (kept.why.empty()) kept.why = open;
  return kept;
}

std::optional<model::Failure> RunRow::failure() const {
  const auto code = failure_code.get();
  if (!code) return std::nullopt;
  return model::Failure{.code = model::parse_outcome(*code).value_or(model::OutcomeCode::internal),
                        .message = failure_message.get().value_or(""),
                        .traceback = failure_traceback.get().value_or(""),
                        .line = failure_line.get(),
                        .column = failure_column.get()};
}

}  // namespace mecapy::store
