#include "api/result_cache.h"
#include "base/file_name.h"
#include "wire/api_json.h"
#include "wire/run_parts.h"

namespace mecapy::api {
namespace {

// Another process has told by then what it knows of a run, or it does not run there.
constexpr std::chrono::milliseconds kHearsay{150};

awaitable<Result<model::Run>> find_run(Api& api, const Call& call) {
  auto id = run_id(call);
  if (!id) co_return id.error();
  co_return co_await read_run(api, call, std::move(*id));
}

enum class Part : std::uint8_t { status, results };

awaitable<Answer> show(Api& api, Call& call, const model::Run& run, Part part) {
  if (part == Part::status) co_return json_response(200, wire::run_json(run, std::nullopt));
  co_return co_await send_run(api, call, run);
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
          {"#query/status", "must be queued, running, completed, failed or cancelled", {}, {}});
    }
  }
  if (!wrong.problems.empty()) co_return wrong;
  auto runs =
      co_await parts(api).store.list_runs(call.caller.user, std::move(filter), std::move(*page));
  if (!runs) co_return runs.error();
  std::vector<std::string> items;
  for (const model::Run& run : runs->items) items.push_back(wire::run_json(run, std::nullopt));
  co_return json_response(200, wire::page_json(items, runs->next));
}

awaitable<Answer> Routes::get_run(Api& api, Call& call) {
  auto run = co_await find_run(api, call);
  if (!run) co_return run.error();
  co_return co_await show(api, call, *run, Part::status);
}

awaitable<Answer> Routes::run_results(Api& api, Call& call) {
  auto run = co_await find_run(api, call);
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
  // Of a run of another process the log is asked for.
  const bool elsewhere = parts(api).feed.is_shared() && channel->state().attempt == 0;
  const base::Deadline heard = base::after(elsewhere ? kHearsay : std::chrono::milliseconds(0));
  while (channel->state().log.empty() && std::chrono::steady_clock::now() < heard) {
    co_await channel->changed(channel->state().version, heard);
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

awaitable<Answer> Routes::cancel_run(Api& api, Call& call) {
  auto id = run_id(call);
  if (!id) co_return id.error();
  if (auto fine = wire::read_cancel(call.request().body); !fine) co_return fine.error();
  auto run = co_await parts(api).store.request_cancel(call.caller.user, *id);
  if (!run) co_return run.error();
  if (model::is_end(run->status)) {
    parts(api).hooks.cancelled(*run);
    if (auto channel = parts(api).feed.find(*id)) channel->set_status(run->status, run->attempt);
  } else {
    parts(api).cancel(*id);
    parts(api).feed.cancel_elsewhere(*id);
  }
  co_return json_response(200, wire::run_json(*run, std::nullopt));
}

}  // namespace mecapy::api
