#include "api/preparing.h"

#include "api/result_cache.h"

namespace mecapy::api {

namespace {

constexpr std::chrono::seconds kStoreDeadline{30};
constexpr double kHoweverOld = 100.0 * 365 * 24 * 3600;  // seconds

}  // namespace

awaitable<Result<model::Payload>> place_inputs(Api& api, const model::RunId& id,
                                               std::string inputs) {
  if (static_cast<std::int64_t>(inputs.size()) <= Routes::options(api).inline_limit) {
    co_return model::Payload{std::move(inputs), ""};
  }
  std::string key = "inputs/" + id.str() + ".json";
  auto put =
      co_await Routes::parts(api).objects.put(key, std::move(inputs), base::after(kStoreDeadline));
  if (!put) co_return put.error();
  co_return model::Payload{"", std::move(key)};
}

awaitable<void> remove_inputs(Api& api, std::string key) {
  (void)co_await Routes::parts(api).objects.remove(std::move(key), base::after(kStoreDeadline));
}

awaitable<Result<void>> send_somewhere(Api& api, RouteQuestion question, model::Run& run) {
  const Parts& parts = Routes::parts(api);
  question.wants_history = parts.budget(run.user).has_value();
  // What the cache has answered goes nowhere, and needs no history.
  auto routed = run.cached_from.empty()
                    ? co_await choose_backend(api, question, run.task_id, run.version)
                    : parts.route(question);
  if (!routed) co_return routed.error();
  run.backend = std::move(routed->backend);
  run.estimate = std::move(routed->estimate);
  run.expected_eur = routed->expected_eur;
  co_return Result<void>{};
}

std::optional<store::Budget> budget_of(Api& api, const std::string& user) {
  const Parts& parts = Routes::parts(api);
  const auto terms = parts.budget(user);
  if (!terms) return std::nullopt;
  return store::Budget{terms->month_eur, month_of(store::day_of(parts.clock.now()))};
}

void hand_on(Api& api, const model::Run& run, const std::string& request) {
  const Parts& parts = Routes::parts(api);
  parts.hooks.accepted(run, request);
  if (model::is_end(run.status)) return;
  if (run.backend == model::kDedicated) {
    parts.machines_wanted();
  } else {
    // A full queue is no loss: the reconciler queues what the store has.
    (void)parts.queue.push(run.id, {});
  }
}

awaitable<Result<model::Run>> prepare_run(Api& api, RunDraft draft) {
  const model::TaskVersion& version = draft.task.version;
  model::Run run;
  run.id = model::RunId::make();
  run.task_id = draft.task.id;
  run.user = std::move(draft.user);
  run.version = version.number;
  if (draft.limits != version.limits) run.limits = draft.limits;
  Reuse reuse{kHoweverOld, !draft.reuse, std::move(draft.own), draft.own_only};
  auto looked = co_await answer_from_cache(api, std::move(reuse), version.code, draft.inputs, run);
  if (!looked) co_return looked.error();
  RouteQuestion question{{}, {}, draft.task.estimated_duration_s, draft.limits};
  if (auto sent = co_await send_somewhere(api, std::move(question), run); !sent) {
    co_return sent.error();
  }
  if (!run.cached_from.empty()) co_return run;
  auto placed = co_await place_inputs(api, run.id, std::move(draft.inputs));
  if (!placed) co_return placed.error();
  run.inputs = std::move(*placed);
  co_return run;
}

}  // namespace mecapy::api
