// Runs of workflows that there are.
#include <algorithm>
#include <charconv>

#include "api/waiting.h"
#include "api/workflow_calls.h"
#include "wire/json.h"

namespace mecapy::api {

namespace {

awaitable<Answer> send_results(Api& api, Call& call, const model::WorkflowRun& run,
                               const model::Workflow& definition) {
  if (!run.result.stored()) {
    co_return json_response(200, wire::workflow_run_json(definition, run, run.result.inline_bytes));
  }
  co_return co_await send_object(api, call, json_response(200, ""), run.result.key,
                                 wire::workflow_run_json_around_result(definition, run));
}

awaitable<Result<model::WorkflowRun>> find_run(Api& api, Call& call,
                                               std::chrono::milliseconds wait) {
  auto id = workflow_run_id(call);
  if (!id) co_return id.error();
  const auto channel = channel_of(api, *id);
  auto run = co_await Routes::parts(api).store.workflows().get_run(call.caller.user, *id);
  if (!run) co_return run.error();
  co_return co_await wait_for_end(api, call, std::move(*run), *channel, wait);
}

awaitable<Answer> show_latest(Api& api, Call& call, Part part) {
  auto id = workflow_id(call);
  if (!id) co_return id.error();
  auto run = co_await Routes::parts(api).store.workflows().latest_run(call.caller.user, *id);
  if (!run) co_return run.error();
  if (!*run) co_return json_response(200, wire::workflow_never_ran_json(*id));
  co_return co_await show(api, call, **run, part);
}

awaitable<Answer> show_one(Api& api, Call& call, Part part) {
  const auto wait = wait_time(call);
  if (!wait) co_return wait.error();
  auto run = co_await find_run(api, call, *wait);
  if (!run) co_return run.error();
  co_return co_await show(api, call, *run, part);
}

Result<int> element_cursor(const Call& call) {
  const auto text = call.query("cursor");
  if (!text) return -1;
  int element = 0;
  const auto read = std::from_chars(text->data(), text->data() + text->size(), element);
  if (read.ec == std::errc() && read.ptr == text->data() + text->size() && element >= 0) {
    return element;
  }
  return Error{ErrorCode::invalid_fields,
               "some fields are wrong",
               {{"#query/cursor", "is not a cursor of ours", {}, {}}}};
}

}  // namespace

awaitable<Answer> show(Api& api, Call& call, model::WorkflowRun run, Part part) {
  auto cost = co_await Routes::parts(api).store.workflows().cost_eur(run.id);
  if (!cost) co_return cost.error();
  run.cost_eur = *cost;
  const auto definition = co_await definition_of(api, run);
  if (!definition) co_return definition.error();
  const bool with_result =
      part == Part::results && run.state.status == model::WorkflowStatus::completed;
  if (with_result) co_return co_await send_results(api, call, run, **definition);
  co_return json_response(200, wire::workflow_run_json(**definition, run, std::nullopt));
}

awaitable<Result<model::WorkflowRun>> wait_for_end(Api& api, Call& call, model::WorkflowRun run,
                                                   feed::Channel& channel,
                                                   std::chrono::milliseconds wait) {
  const auto ended = [](const model::WorkflowRun& one) { return model::is_end(one.state.status); };
  const auto read = [&api, user = run.user, id = run.id] {
    return Routes::parts(api).store.workflows().get_run(user, id);
  };
  co_return co_await wait_for(call, std::move(run), channel, wait, ended, read);
}

Result<model::WorkflowRunId> workflow_run_id(const Call& call) {
  const auto id = model::WorkflowRunId::parse(call.path.at("id"));
  if (!id) return fail(ErrorCode::not_found, "no such workflow run");
  return *id;
}

std::shared_ptr<feed::Channel> channel_of(Api& api, const model::WorkflowRunId& id) {
  return Routes::parts(api).feed.watch(model::as_run(id));
}

awaitable<Answer> Routes::workflow_status(Api& api, Call& call) {
  co_return co_await show_latest(api, call, Part::status);
}

awaitable<Answer> Routes::workflow_results(Api& api, Call& call) {
  co_return co_await show_latest(api, call, Part::results);
}

awaitable<Answer> Routes::list_workflow_runs(Api& api, Call& call) {
  auto page = page_request(call);
  if (!page) co_return page.error();
  store::WorkflowRunFilter filter;
  std::vector<FieldProblem> problems;
  if (const auto text = call.query("workflow_id")) {
    filter.workflow_id = model::WorkflowId::parse(*text);
    if (!filter.workflow_id) problems.push_back({"#query/workflow_id", "must be a UUID", {}, {}});
  }
  if (const auto text = call.query("status")) {
    filter.status = model::parse_status(*text);
    if (!filter.status) {
      problems.push_back({"#query/status", "must be " + model::status_names(", ", " or "), {}, {}});
    }
  }
  if (!problems.empty()) {
    co_return Error{ErrorCode::invalid_fields, "some query parameters are wrong",
                    std::move(problems)};
  }
  auto runs = co_await parts(api).store.workflows().list_runs(call.caller.user, std::move(filter),
                                                              std::move(*page));
  if (!runs) co_return runs.error();
  std::vector<std::string> items;
  for (const model::WorkflowRun& run : runs->items) {
    items.push_back(wire::workflow_run_summary_json(run));
  }
  co_return json_response(200, wire::page_json(items, runs->next));
}

awaitable<Answer> Routes::get_workflow_run(Api& api, Call& call) {
  co_return co_await show_one(api, call, Part::status);
}

awaitable<Answer> Routes::workflow_run_results(Api& api, Call& call) {
  co_return co_await show_one(api, call, Part::results);
}

awaitable<Answer> Routes::node_runs(Api& api, Call& call) {
  const auto limit = page_limit(call);
  if (!limit) co_return limit.error();
  const auto after = element_cursor(call);
  if (!after) co_return after.error();
  auto run = co_await find_run(api, call, {});
  if (!run) co_return run.error();
  const auto definition = co_await definition_of(api, *run);
  if (!definition) co_return definition.error();
  const std::vector<model::WorkflowNode>& nodes = (*definition)->nodes;
  const auto node = std::ranges::find(nodes, call.path.at("node"), &model::WorkflowNode::name);
  if (node == nodes.end()) {
    co_return fail_at("#path/node", ErrorCode::not_found, "the workflow has no such node");
  }
  const auto place = static_cast<int>(node - nodes.begin());
  auto runs =
      co_await parts(api).store.workflows().element_runs(run->id, place, *after, *limit + 1);
  if (!runs) co_return runs.error();
  const bool more = static_cast<int>(runs->size()) > *limit;
  if (more) runs->pop_back();
  std::vector<std::string> items;
  for (const store::ElementRun& one : *runs) {
    items.push_back(wire::element_run_json(one.element, one.run));
  }
  co_return json_response(200,
                          wire::page_json(items, more ? std::to_string(runs->back().element) : ""));
}

awaitable<Answer> Routes::cancel_workflow_run(Api& api, Call& call) {
  auto id = workflow_run_id(call);
  if (!id) co_return id.error();
  if (auto fine = wire::read_cancel(call.request().body); !fine) co_return fine.error();
  auto run = co_await parts(api).store.workflows().request_cancel(call.caller.user, *id);
  if (!run) co_return run.error();
  parts(api).workflow_changed(*id);
  parts(api).feed.cancel_elsewhere(*model::RunId::parse(id->str()));
  co_return co_await show(api, call, *run, Part::status);
}

}  // namespace mecapy::api
