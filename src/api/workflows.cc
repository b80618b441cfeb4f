// Workflows that people keep.
#include <algorithm>
#include <map>
#include <utility>

#include "api/choice.h"
#include "api/workflow_calls.h"
#include "wire/json.h"
#include "workflow/graph.h"

namespace mecapy::api {
namespace {

constexpr std::chrono::seconds kLookDeadline{20};
constexpr std::chrono::seconds kCheckDeadline{30};  // for a free thread

Answer created_answer(const model::KeptWorkflow& workflow) {
  net::Response response = json_response(201, wire::workflow_json(workflow));
  response.headers.emplace_back("Location", "/api/workflows/" + workflow.id.str());
  return response;
}

// The definition of `json`, which has nothing wrong; else invalid_fields.
struct Checked {
  model::Workflow definition;
  NodeTasks tasks;
};
awaitable<Result<Checked>> checked(Api& api, const std::string& user, const std::string& json) {
  if (auto fine = wire::check_size(json); !fine) co_return fine.error();
  auto definition = co_await base::beside_loop<model::Workflow>(
      Routes::parts(api).threads, json.size(), [&] { return wire::read_definition(json); });
  if (!definition) co_return definition.error();
  auto tasks = co_await tasks_of(api, user, *definition);
  if (!tasks) co_return tasks.error();
  if (auto fine = co_await check_definition(api, *definition, *tasks); !fine) {
    co_return fine.error();
  }
  co_return Checked{std::move(*definition), std::move(*tasks)};
}

// What one run on `backend` would cost; nothing where nobody knows.
double eur_on(const std::vector<wire::BackendCost>& costs, const std::string& backend) {
  const auto it = std::ranges::find(costs, backend, &wire::BackendCost::backend);
  return it == costs.end() ? 0 : it->cost.eur;
}

// How many runs a node has, as far as that stands in the definition.
double runs_of(const model::WorkflowNode& node) {
  const auto* list = node.each ? std::get_if<model::Constant>(&*node.each) : nullptr;
  return list == nullptr ? 1 : static_cast<double>(wire::array_items(list->json).size());
}

// What one run of a node is expected to take and cost, where somebody knows.
struct Expected {
  std::optional<double> seconds{};
  double eur = 0;
};
awaitable<Result<Expected>> expected_of(Api& api, const model::WorkflowNode& node,
                                        const model::Task& task) {
  const model::Limits& ceilings = Routes::options(api).ceilings;
  auto limits = wire::patched_limits({.has_limits = true, .limits_json = node.limits_json},
                                     task.version.limits, ceilings);
  if (!limits) co_return limits.error();
  RouteQuestion question{{}, {}, task.estimated_duration_s, *limits, true};
  auto chosen = co_await choose_backend(api, question, task.id, task.version.number);
  if (!chosen) co_return chosen.error();
  if (chosen->estimate.from == "default") co_return Expected{};
  const auto costs = Routes::parts(api).costs(*limits, chosen->estimate.seconds);
  co_return Expected{chosen->estimate.seconds, eur_on(costs, chosen->backend)};
}

awaitable<Result<wire::WorkflowEstimate>> estimate_of(Api& api, const Checked& workflow,
                                                      const workflow::Graph& graph) {
  wire::WorkflowEstimate estimate{0.0, 0.0, true};
  std::vector<double> seconds(graph.size(), 0);
  for (std::size_t place = 0; place < graph.size(); ++place) {
    const model::WorkflowNode& node = workflow.definition.nodes[place];
    auto expected = co_await expected_of(api, node, *workflow.tasks[place]);
    if (!expected) co_return expected.error();
    seconds[place] = expected->seconds.value_or(0);
    *estimate.eur += expected->eur * runs_of(node);
    estimate.complete = estimate.complete && expected->seconds && !node.each;
  }
  estimate.duration_s = workflow::longest_path(graph, seconds);
  co_return estimate;
}

}  // namespace

Result<model::WorkflowId> workflow_id(const Call& call) {
  const auto id = model::WorkflowId::parse(call.path.at("id"));
  if (!id) return fail(ErrorCode::not_found, "no such workflow");
  return *id;
}

awaitable<Result<NodeTasks>> tasks_of(Api& api, const std::string& user,
                                      const model::Workflow& definition) {
  store::Store& store = Routes::parts(api).store;
  std::map<std::pair<std::string, int>, std::optional<model::Task>> known;
  NodeTasks tasks;
  for (const model::WorkflowNode& node : definition.nodes) {
    const auto [it, is_new] = known.try_emplace({node.task, node.version});
    const auto id = model::TaskId::parse(node.task);
    if (is_new && id) {
      auto task = co_await store.get_task(
          user, *id, node.version == 0 ? std::nullopt : std::optional(node.version));
      if (!task && task.error().code != ErrorCode::not_found) co_return task.error();
      if (task) it->second = std::move(*task);
    }
    tasks.push_back(it->second);
  }
  co_return tasks;
}

namespace {

// Of a task's code; what its own inputs give need not be given. Nothing is known where nobody can
// look now.
awaitable<model::CodeFacts> facts_of(Api& api, const model::Task& task) {
  auto look = co_await look_at(api, task.version.code, kLookDeadline);
  if (!look) co_return model::CodeFacts{};
  model::CodeFacts facts = std::move(look->facts);
  const auto defaults = wire::object_members(task.version.inputs);
  if (!facts.inputs || !defaults) co_return facts;
  for (model::InputFact& input : *facts.inputs) {
    const bool given =
        std::ranges::find(*defaults, input.name, &wire::Member::key) != defaults->end();
    input.required = input.required && !given;
  }
  co_return facts;
}

}  // namespace

awaitable<Result<void>> check_definition(Api& api, const model::Workflow& definition,
                                         const NodeTasks& tasks) {
  std::map<std::pair<std::string, int>, model::CodeFacts> facts;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const std::pair key(definition.nodes[i].task, definition.nodes[i].version);
    if (!tasks[i] || facts.contains(key)) continue;
    facts[key] = co_await facts_of(api, *tasks[i]);
  }
  const auto look_up = [&](const std::string& task, int version) {
    const auto it = facts.find({task, version});
    return it == facts.end() ? std::nullopt : std::optional(it->second);
  };
  auto problems = co_await base::offload<std::vector<FieldProblem>>(
      Routes::parts(api).threads, base::after(kCheckDeadline),
      [&] { return Result<std::vector<FieldProblem>>(workflow::check(definition, look_up)); });
  if (!problems) co_return problems.error();
  if (problems->empty()) co_return Result<void>{};
  co_return Error{ErrorCode::invalid_fields, "the workflow cannot run", std::move(*problems)};
}

awaitable<Answer> Routes::create_workflow(Api& api, Call& call) {
  auto posted = co_await read_post<wire::WorkflowBody>(api, call, [&api](std::string_view body) {
    return wire::read_workflow(body, wire::WorkflowUse::create, options(api).ceilings);
  });
  if (!posted) co_return posted.error();
  auto& [body, key] = *posted;
  store::Workflows& workflows = parts(api).store.workflows();
  if (key) {
    auto earlier = co_await workflows.made_by(call.caller.user, *key);
    if (!earlier) co_return earlier.error();
    if (*earlier) co_return created_answer(**earlier);
  }
  model::KeptWorkflow workflow;
  workflow.definition_json = wire::definition_json(body.parts, "");
  auto fine = co_await checked(api, call.caller.user, workflow.definition_json);
  if (!fine) co_return fine.error();
  workflow.id = model::WorkflowId::make();
  workflow.user = call.caller.user;
  workflow.name = *body.name;
  workflow.description = body.description.value_or("");
  auto created = co_await workflows.create(std::move(workflow), std::move(key));
  if (!created) co_return created.error();
  co_return created_answer(created->value);
}

awaitable<Answer> Routes::check_workflow(Api& api, Call& call) {
  auto body = co_await read_body<wire::WorkflowBody>(api, call, [&] {
    return wire::read_workflow(call.request().body, wire::WorkflowUse::check,
                               options(api).ceilings);
  });
  if (!body) co_return body.error();
  const std::string json = wire::definition_json(body->parts, "");
  auto fine = co_await checked(api, call.caller.user, json);
  if (!fine) co_return fine.error();
  const workflow::Graph graph = workflow::graph_of(fine->definition);
  auto estimate = co_await estimate_of(api, *fine, graph);
  if (!estimate) co_return estimate.error();
  std::vector<std::string> names;
  for (const std::size_t place : workflow::order_of(graph)) {
    names.push_back(fine->definition.nodes[place].name);
  }
  co_return json_response(200, wire::workflow_check_json(names, *estimate));
}

awaitable<Answer> Routes::list_workflows(Api& api, Call& call) {
  auto page = page_request(call);
  if (!page) co_return page.error();
  auto kept = co_await parts(api).store.workflows().list(call.caller.user, std::move(*page));
  if (!kept) co_return kept.error();
  std::vector<std::string> items;
  for (const model::KeptWorkflow& one : kept->items) {
    items.push_back(wire::workflow_summary_json(one));
  }
  co_return json_response(200, wire::page_json(items, kept->next));
}

awaitable<Answer> Routes::get_workflow(Api& api, Call& call) {
  auto id = workflow_id(call);
  if (!id) co_return id.error();
  auto version = wanted_version(call);
  if (!version) co_return version.error();
  auto kept = co_await parts(api).store.workflows().get(call.caller.user, *id, *version);
  if (!kept) co_return kept.error();
  co_return json_response(200, wire::workflow_json(*kept));
}

awaitable<Answer> Routes::update_workflow(Api& api, Call& call) {
  auto id = workflow_id(call);
  if (!id) co_return id.error();
  auto body = co_await read_body<wire::WorkflowBody>(api, call, [&] {
    return wire::read_workflow(call.request().body, wire::WorkflowUse::update,
                               options(api).ceilings);
  });
  if (!body) co_return body.error();
  store::Workflows& workflows = parts(api).store.workflows();
  auto kept = co_await workflows.get(call.caller.user, *id, std::nullopt);
  if (!kept) co_return kept.error();
  store::WorkflowChange change{std::move(body->name), std::move(body->description), {}};
  if (body->parts.any()) {
    change.definition_json = wire::definition_json(body->parts, kept->definition_json);
    auto fine = co_await checked(api, call.caller.user, *change.definition_json);
    if (!fine) co_return fine.error();
  }
  auto updated = co_await workflows.update(call.caller.user, *id, std::move(change));
  if (!updated) co_return updated.error();
  co_return json_response(200, wire::workflow_json(*updated));
}

awaitable<Answer> Routes::delete_workflow(Api& api, Call& call) {
  auto id = workflow_id(call);
  if (!id) co_return id.error();
  auto gone = co_await parts(api).store.workflows().remove(call.caller.user, std::move(*id));
  if (!gone) co_return gone.error();
  co_return no_content();
}

}  // namespace mecapy::api
