#include "api/routes.h"
#include "wire/api_json.h"

namespace mecapy::api {
namespace {

// Code that nobody could look at is not kept.
constexpr std::chrono::seconds kLookDeadline{20};

Answer created_answer(const model::Task& task) {
  net::Response response = json_response(201, wire::task_json(task));
  response.headers.emplace_back("Location", "/api/tasks/" + task.id.str());
  return response;
}

}  // namespace

awaitable<Answer> Routes::create_task(Api& api, Call& call) {
  auto posted = co_await read_post<model::Task>(api, call, [&api](std::string_view body) {
    return wire::read_task(body, wire::TaskKind::kept, options(api).ceilings);
  });
  if (!posted) co_return posted.error();
  auto& [task, key] = *posted;
  if (key) {  // a repeated request needs no worker to look at the code again
    auto earlier = co_await parts(api).store.task_made_by(call.caller.user, *key);
    if (!earlier) co_return earlier.error();
    if (*earlier) co_return created_answer(**earlier);
  }
  if (auto fine = co_await check_code(api, task.version.code, kLookDeadline); !fine)
    co_return fine.error();
  task.id = model::TaskId::make();
  task.user = call.caller.user;
  auto created = co_await parts(api).store.create_task(std::move(task), std::move(key));
  if (!created) co_return created.error();
  co_return created_answer(created->value);
}

awaitable<Answer> Routes::list_tasks(Api& api, Call& call) {
  auto page = page_request(call);
  if (!page) co_return page.error();
  auto tasks = co_await parts(api).store.list_tasks(call.caller.user, std::move(*page));
  if (!tasks) co_return tasks.error();
  std::vector<std::string> items;
  for (const model::Task& task : tasks->items) items.push_back(wire::task_summary_json(task));
  co_return json_response(200, wire::page_json(items, tasks->next));
}

awaitable<Answer> Routes::get_task(Api& api, Call& call) {
  auto id = task_id(call);
  if (!id) co_return id.error();
  auto version = wanted_version(call);
  if (!version) co_return version.error();
  auto task = co_await find_task(api, call, *id, {*version, "#query/version"});
  if (!task) co_return task.error();
  co_return json_response(200, wire::task_json(*task));
}

awaitable<Answer> Routes::update_task(Api& api, Call& call) {
  auto id = task_id(call);
  if (!id) co_return id.error();
  auto patch = co_await read_body<wire::TaskPatch>(
      api, call, [&] { return wire::read_patch(call.request().body, options(api).ceilings); });
  if (!patch) co_return patch.error();
  auto task = co_await parts(api).store.get_task(call.caller.user, *id, std::nullopt);
  if (!task) co_return task.error();
  store::TaskChange change;
  if (patch->has_limits) {
    auto limits = wire::patched_limits(*patch, task->version.limits, options(api).ceilings);
    if (!limits) co_return limits.error();
    change.limits = *limits;
  }
  if (patch->code) {
    if (auto fine = co_await check_code(api, *patch->code, kLookDeadline); !fine)
      co_return fine.error();
  }
  change.name = std::move(patch->name);
  change.description = std::move(patch->description);
  change.tags = std::move(patch->tags);
  change.estimated_duration_s = patch->estimated_duration_s;
  change.cache_ttl_s = patch->cache_ttl_s;
  change.code = std::move(patch->code);
  change.inputs = std::move(patch->inputs);
  auto updated = co_await parts(api).store.update_task(call.caller.user, *id, std::move(change));
  if (!updated) co_return updated.error();
  co_return json_response(200, wire::task_json(*updated));
}

awaitable<Answer> Routes::delete_task(Api& api, Call& call) {
  auto id = task_id(call);
  if (!id) co_return id.error();
  auto gone = co_await parts(api).store.delete_task(call.caller.user, std::move(*id));
  if (!gone) co_return gone.error();
  co_return no_content();
}

}  // namespace mecapy::api
