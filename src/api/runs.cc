#include "api/result_cache.h"
#include "api/waiting.h"
#include "base/file_name.h"
#include "wire/api_json.h"
#include "wire/run_parts.h"

namespace mecapy::api {
namespace {

constexpr std::chrono::seconds kHearsay{5};    // another process has told its log by then
constexpr std::chrono::seconds kBeginning{1};  // what was claimed here is at work by then
constexpr std::chrono::seconds kAskAgain{1};   // what it told may have been lost

awaitable<Result<model::Run>> find_run(Api& api, const Call& call) {
  auto id = run_id(call);
  if (!id) co_return id.error();
  co_return co_await read_run(api, call, std::move(*id));
}

// The same, once it has ended or the client has waited as long as it wants to.
awaitable<Result<model::Run>> find_run_waiting(Api& api, Call& call) {
  auto id = run_id(call);
  if (!id) co_return id.error();
  const auto wait = wait_time(call);
  if (!wait) co_return wait.error();
  const auto channel = Routes::parts(api).feed.open(*id);
  auto run = co_await read_run(api, call, std::move(*id));
  if (!run) co_return run.error();
  co_return co_await wait_for_end(api, call, std::move(*run), *channel, *wait);
}

// Waits for the log of a run that may run in another process. True when it is whole: it runs here,
// or all is heard that was there when the other one was asked.
awaitable<bool> hear_log(feed::Feed& feed, const model::RunId& id, feed::Channel& channel) {
  const feed::Channel::State& state = channel.state();
  const std::uint64_t answers = state.answers;
  const base::Deadline deadline = base::after(feed.is_shared() ? kHearsay : kBeginning);
  base::Deadline again = base::after(kAskAgain);
  while (!state.here && !model::is_end(state.status)) {
    const bool whole = state.log.size() >= state.log_size;
    if (whole && state.answers != answers) co_return true;
    const auto now = std::chrono::steady_clock::now();
    if (now >= deadline) co_return false;
    if (whole || now >= again) feed.watch(id);
    if (now >= again) again = now + kAskAgain;
    co_await channel.changed(state.version, std::min(again, deadline));
  }
  co_return state.here;
}

// What a run that is at work said of how far it is; "" when it said nothing that was heard here.
awaitable<std::string> hear_progress(Api& api, const model::Run& run) {
  if (run.status != model::RunStatus::running) co_return "";
  feed::Feed& feed = Routes::parts(api).feed;
  const auto channel = feed.watch(run.id);
  if (feed.is_shared()) (void)co_await hear_log(feed, run.id, *channel);
  const feed::Channel::State& state = channel->state();
  co_return state.attempt == run.attempt ? state.progress : "";
}

enum class Part : std::uint8_t { status, results };

awaitable<Answer> show(Api& api, Call& call, const model::Run& run, Part part) {
  if (part == Part::results) co_return co_await send_run(api, call, run);
  const std::string progress = co_await hear_progress(api, run);
  co_return json_response(200, wire::run_json(run, std::nullopt, progress));
}

awaitable<Answer> show_latest(Api& api, Call& call, Part part) {
  auto id = task_id(call);
  if (!id) co_return id.error();
  auto run = co_await Routes::parts(api).store.latest_run(call.caller.user, *id);
  if (!run) co_return run.error();
  if (!*run) co_return json_response(200, wire::never_ran_json(*id));
  co_return co_await show(api, call, **run, part);
}

}  // namespace

awaitable<Answer> Routes::task_status(Api& api, Call& call) {
  co_return co_await show_latest(api, call, Part::status);
}

awaitable<Answer> Routes::task_results(Api& api, Call& call) {
  co_return co_await show_latest(api, call, Part::results);
}

awaitable<Answer> Routes::list_runs(Api& api, Call& call) {
  auto page = page_request(call);
  if (!page) co_return page.error();
  store::RunFilter filter;
  Error wrong{ErrorCode::invalid_fields, "some query parameters are wrong", {}};
  if (const auto text = call.query("task_id")) {
    filter.task_id = model::TaskId::parse(*text);
    if (!filter.task_id) wrong.problems.push_back({"#query/task_id", "must be a UUID", {}, {}});
  }
  if (const auto text = call.query("status")) {
    filter.status = model::parse_status(*text);
    if (!filter.status) {
      wrong.problems.push_back(
          {"#query/status", "must be " + model::status_names(", ", " or "), {}, {}});
    }
  }
  if (const auto text = call.query("workflow_run_id")) {
    filter.workflow_run =
        *text == "none" ? model::WorkflowRunId() : model::WorkflowRunId::parse(*text);
    if (!filter.workflow_run) {
      wrong.problems.push_back({"#query/workflow_run_id", "must be a UUID or none", {}, {}});
    }
  }
  if (!wrong.problems.empty()) co_return wrong;
  auto runs =
      co_await parts(api).store.list_runs(call.caller.user, std::move(filter), std::move(*page));
  if (!runs) co_return runs.error();
  std::vector<std::string> items;
  for (const model::Run& run : runs->items) items.push_back(wire::run_summary_json(run));
  co_return json_response(200, wire::page_json(items, runs->next));
}

awaitable<Answer> Routes::get_run(Api& api, Call& call) {
  auto run = co_await find_run_waiting(api, call);
  if (!run) co_return run.error();
  co_return co_await show(api, call, *run, Part::status);
}

awaitable<Answer> Routes::run_results(Api& api, Call& call) {
  auto run = co_await find_run_waiting(api, call);
  if (!run) co_return run.error();
  co_return co_await show(api, call, *run, Part::results);
}

awaitable<Answer> Routes::run_logs(Api& api, Call& call) {
  auto run = co_await find_run(api, call);
  if (!run) co_return run.error();
  if (model::is_end(run->status)) co_return co_await send_log(api, call, *run);
  net::Response response;
  response.content_type = "text/plain; charset=utf-8";
  const auto channel = parts(api).feed.watch(run->id);
  bool whole = true;
  if (run->status == model::RunStatus::running)
    whole = co_await hear_log(parts(api).feed, run->id, *channel);
  if (!whole) {
    run = co_await parts(api).store.get_run(call.caller.user, run->id);
    if (!run) co_return run.error();
    if (model::is_end(run->status)) co_return co_await send_log(api, call, *run);
    if (run->status == model::RunStatus::running) {
      co_return fail(ErrorCode::unavailable,
                     "another process runs it and has not told all of its log: try again");
    }
  }
  response.body = channel->state().log;
  co_return response;
}

namespace {

Answer link_answer(Api& api, const model::Artifact& artifact, const std::string& file_name,
                   std::chrono::seconds life) {
  const auto link =
      Routes::parts(api).objects.link(artifact.key, file_name, artifact.content_type, life);
  if (link)
    return json_response(200, wire::link_json(*link, Routes::parts(api).clock.now() + life));
  return fail_at("#query/link", ErrorCode::not_found,
                 "the objects of this server have no links; leave link away to get the file");
}

}  // namespace

awaitable<Answer> Routes::run_artifact(Api& api, Call& call) {
  const auto link = link_life(call);
  if (!link) co_return link.error();
  auto run = co_await find_run(api, call);
  if (!run) co_return run.error();
  const std::string& name = call.path.at("name");
  for (const model::Artifact& artifact : run->end.artifacts) {
    if (artifact.name != name) continue;
    const std::string file = artifact.name.substr(artifact.name.rfind('/') + 1);
    if (*link) co_return link_answer(api, artifact, file, **link);
    net::Response head;
    head.content_type = artifact.content_type;
    head.headers = {{"Content-Disposition", base::attachment(file)},
                    {"ETag", "\"" + artifact.sha256 + "\""},
                    {"Content-Security-Policy", "sandbox"},
                    {"Cache-Control", "private, max-age=31536000, immutable"}};
    co_return co_await send_object(api, call, std::move(head), artifact.key, {}, artifact.sha256);
  }
  co_return fail_at("#path/name", ErrorCode::not_found, "the run has no such artifact");
}

awaitable<Result<model::Run>> stop_run(Api& api, const std::string& user, model::RunId id) {
  Parts& parts = Routes::parts(api);
  auto run = co_await parts.store.request_cancel(user, id);
  if (!run) co_return run;
  if (model::is_end(run->status)) {
    parts.hooks.cancelled(*run);
    if (auto channel = parts.feed.find(id)) channel->set_status(run->status, run->attempt);
  } else {
    parts.cancel(id);
    parts.feed.cancel_elsewhere(id);
  }
  co_return run;
}

awaitable<Answer> Routes::cancel_run(Api& api, Call& call) {
  auto id = run_id(call);
  if (!id) co_return id.error();
  if (auto fine = wire::read_cancel(call.request().body); !fine) co_return fine.error();
  auto run = co_await stop_run(api, call.caller.user, std::move(*id));
  if (!run) co_return run.error();
  co_return json_response(200, wire::run_json(*run, std::nullopt));
}

}  // namespace mecapy::api
