#include "api/preparing.h"
#include "api/result_cache.h"
#include "api/waiting.h"
#include "model/cost.h"
#include "wire/api_json.h"

namespace mecapy::api {

namespace {

Result<void> can_accept(Api& api) {
  if (Routes::draining(api)) return fail(ErrorCode::draining, "the server is shutting down");
  const queue::Queue& queue = Routes::parts(api).queue;
  if (queue.size() >= queue.capacity()) {
    return fail(ErrorCode::busy,
                "the queue is full: " + std::to_string(queue.size()) + " runs wait");
  }
  return {};
}

// The run an earlier request with this key made. Asked before anything that may refuse a new run: a
// repeated request is answered as the first was, whatever the server could take now.
using Earlier = std::optional<store::Created<model::Run>>;
awaitable<Result<Earlier>> made_earlier(Api& api, const Call& call,
                                        const std::optional<store::Idempotency>& key) {
  if (!key) co_return Earlier();
  auto run = co_await Routes::parts(api).store.run_made_by(call.caller.user, *key);
  if (!run) co_return run.error();
  if (!*run) co_return Earlier();
  co_return Earlier({std::move(**run), false});
}

// Under load a run is taken without a look at its code: should it be none, the run says so.
constexpr std::chrono::seconds kGlance{1};

awaitable<Result<void>> glance_at_code(Api& api, const std::string& code) {
  auto fine = co_await check_code(api, code, kGlance);
  if (!fine && fine.error().code == ErrorCode::invalid_code) co_return fine.error();
  co_return Result<void>{};
}

using Submitted = Result<store::Created<model::Run>>;

// A run to be made, with its task when that is made for it.
struct Submission {
  std::optional<model::Task> task{};
  model::Run run{};
  std::string inputs{};
  std::optional<store::Idempotency> key{};
};

awaitable<Submitted> write_run(Api& api, const Submission& submission, model::Run run) {
  const Parts& parts = Routes::parts(api);
  const std::optional<store::Budget> budget = budget_of(api, run.user);
  auto submitted = submission.task
                       ? co_await parts.store.submit_ad_hoc(*submission.task, std::move(run),
                                                            submission.key, budget)
                       : co_await parts.store.submit_run(std::move(run), submission.key, budget);
  const bool refused = !submitted && submitted.error().code == ErrorCode::budget_exhausted;
  if (refused) parts.hooks.budget(BudgetWord::refused);
  co_return submitted;
}

awaitable<Submitted> submit(Api& api, Submission submission) {
  model::Run& run = submission.run;
  if (!run.cached_from.empty()) {  // its inputs are that run's, too
    auto answered = co_await write_run(api, submission, run);
    if (answered || answered.error().code != ErrorCode::not_found) co_return answered;
    // The cache told of a run that the database does not have.
    run.cached_from = {};
    run.end = {};
  }
  auto placed = co_await place_inputs(api, run.id, std::move(submission.inputs));
  if (!placed) co_return placed.error();
  run.inputs = std::move(*placed);
  const std::string inputs_key = run.inputs.key;
  auto submitted = co_await write_run(api, submission, std::move(run));
  co_await forget_unused_inputs(api, inputs_key, submitted);
  co_return submitted;
}

// What is said to who has used most of his budget; "" otherwise.
std::string budget_warning(Api& api, const store::Created<model::Run>& submitted) {
  if (!submitted.created || !submitted.used) return "";
  const auto terms = Routes::parts(api).budget(submitted.value.user);
  const double used = *submitted.used + submitted.value.expected_eur;
  if (!terms || used < terms->warn_at * terms->month_eur) return "";
  Routes::parts(api).hooks.budget(BudgetWord::warned);
  return model::euros_text(used) + " of the " + model::euros_text(terms->month_eur) +
         " that you may spend this month are spent or expected";
}

// The answer to an execute: the finished run, or where to look for it.
awaitable<Answer> answer(Api& api, Call& call, store::Created<model::Run> submitted,
                         std::chrono::milliseconds wait) {
  Parts& parts = Routes::parts(api);
  if (const std::string warning = budget_warning(api, submitted); !warning.empty()) {
    call.headers.emplace_back(kWarning, warning);
  }
  auto channel = parts.feed.open(submitted.value.id);
  if (submitted.created) hand_on(api, submitted.value, call.request().id);
  auto run = co_await wait_for_end(api, call, std::move(submitted.value), *channel, wait);
  if (!run) co_return run.error();
  if (!model::is_end(run->status) || wait.count() == 0) {
    net::Response response = json_response(202, wire::accepted_json(*run));
    response.headers.emplace_back("Location", "/api/runs/" + run->id.str());
    co_return response;
  }
  co_return co_await send_run(api, call, *run);
}

}  // namespace

awaitable<Answer> Routes::execute_task(Api& api, Call& call) {
  auto id = task_id(call);
  if (!id) co_return id.error();
  auto wait = wait_time(call);
  if (!wait) co_return wait.error();
  auto posted = co_await read_post<wire::ExecuteRequest>(api, call, wire::read_execute);
  if (!posted) co_return posted.error();
  wire::ExecuteRequest& request = posted->body;
  auto earlier = co_await made_earlier(api, call, posted->key);
  if (!earlier) co_return earlier.error();
  if (*earlier) co_return co_await answer(api, call, std::move(**earlier), *wait);
  if (auto fine = can_accept(api); !fine) co_return fine.error();
  auto task = co_await find_task(api, call, *id, {request.version, "/version"});
  if (!task) co_return task.error();
  // The operator may have lowered a ceiling since the task was kept.
  if (auto fit = model::check_limits(task->version.limits, options(api).ceilings); !fit) {
    co_return fit.error();
  }
  model::Run run;
  run.id = model::RunId::make();
  run.task_id = task->id;
  run.user = call.caller.user;
  run.version = task->version.number;
  std::string inputs =
      request.inputs ? std::move(*request.inputs) : std::move(task->version.inputs);
  if (task->cache_ttl_s) {
    auto looked = co_await answer_from_cache(api, {*task->cache_ttl_s, wants_fresh(call.request())},
                                             task->version.code, inputs, run);
    if (!looked) co_return looked.error();
  }
  RouteQuestion question{
      request.estimated_duration_s, {}, task->estimated_duration_s, task->version.limits};
  if (auto chosen = co_await send_somewhere(api, std::move(question), run); !chosen) {
    co_return chosen.error();
  }
  Submission submission{{}, std::move(run), std::move(inputs), std::move(posted->key)};
  auto submitted = co_await submit(api, std::move(submission));
  if (!submitted) co_return submitted.error();
  co_return co_await answer(api, call, std::move(*submitted), *wait);
}

awaitable<Answer> Routes::execute_ad_hoc(Api& api, Call& call) {
  auto wait = wait_time(call);
  if (!wait) co_return wait.error();
  auto posted = co_await read_post<model::Task>(api, call, [&api](std::string_view body) {
    return wire::read_task(body, wire::TaskKind::ad_hoc, options(api).ceilings);
  });
  if (!posted) co_return posted.error();
  model::Task& task = posted->body;
  auto earlier = co_await made_earlier(api, call, posted->key);
  if (!earlier) co_return earlier.error();
  if (*earlier) co_return co_await answer(api, call, std::move(**earlier), *wait);
  if (auto fine = can_accept(api); !fine) co_return fine.error();
  if (auto fine = co_await glance_at_code(api, task.version.code); !fine) co_return fine.error();
  task.id = model::TaskId::make();
  task.user = call.caller.user;
  model::Run run;
  run.id = model::RunId::make();
  run.task_id = task.id;
  run.user = task.user;
  if (task.cache_ttl_s) {
    auto looked = co_await answer_from_cache(api, {*task.cache_ttl_s, wants_fresh(call.request())},
                                             task.version.code, task.version.inputs, run);
    if (!looked) co_return looked.error();
  }
  RouteQuestion question{task.estimated_duration_s, {}, {}, task.version.limits};
  if (auto chosen = co_await send_somewhere(api, std::move(question), run); !chosen) {
    co_return chosen.error();
  }
  std::string inputs = task.version.inputs;
  Submission submission{std::move(task), std::move(run), std::move(inputs), std::move(posted->key)};
  auto submitted = co_await submit(api, std::move(submission));
  if (!submitted) co_return submitted.error();
  co_return co_await answer(api, call, std::move(*submitted), *wait);
}

}  // namespace mecapy::api
