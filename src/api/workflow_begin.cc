// Runs of workflows begin, and are taken up again.
#include <unordered_map>
#include <unordered_set>

#include "api/preparing.h"
#include "api/result_cache.h"
#include "api/workflow_calls.h"
#include "base/problems.h"
#include "wire/json.h"
#include "workflow/check.h"
#include "workflow/engine.h"
#include "workflow/resume.h"

namespace mecapy::api {
namespace {

constexpr std::size_t kMostRunning = 1000;  // workflow runs in one process
constexpr std::size_t kMostOfOneUser = kMostRunning / 4;

Result<void> can_accept(Api& api, const std::string& user) {
  if (Routes::draining(api)) return fail(ErrorCode::draining, "the server is shutting down");
  const auto [all, his] = Routes::parts(api).workflows_running(user);
  if (his >= kMostOfOneUser) {
    return fail(ErrorCode::busy, std::to_string(his) + " workflow runs of yours are running");
  }
  if (all >= kMostRunning) {
    return fail(ErrorCode::busy, std::to_string(all) + " workflow runs are running");
  }
  return {};
}

// ---- what a request says

// What names one thing that is not there, of so many, may be compared with: bytes.
constexpr std::size_t kName = 64;

// Places of the nodes, by name.
class NodeNames {
 public:
  explicit NodeNames(const model::Workflow& definition) {
    for (const model::WorkflowNode& node : definition.nodes) {
      places_.emplace(node.name, names_.size());
      names_.emplace_back(node.name);
    }
  }
  // Of the node `name`; a problem at `pointer` when there is none.
  std::optional<std::size_t> find(const std::string& name, std::string pointer,
                                  base::Problems& problems) const {
    const auto it = places_.find(name);
    if (it != places_.end()) return it->second;
    problems.tell(std::move(pointer),
                  "the workflow has no such node" + problems.instead(name, names_));
    return std::nullopt;
  }

 private:
  std::vector<std::string_view> names_{};
  std::unordered_map<std::string_view, std::size_t> places_{};
};

std::vector<std::size_t> forced(const std::vector<std::string>& force, const NodeNames& names,
                                base::Problems& problems) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < force.size(); ++i) {
    const auto place = names.find(force[i], "/force/" + std::to_string(i), problems);
    if (place) places.push_back(*place);
  }
  return places;
}

void check_inputs(const std::string& inputs, const model::Workflow& definition,
                  base::Problems& problems) {
  const auto members = wire::object_members(inputs);
  if (!members) {
    problems.tell("/inputs" + members.error().problems.front().pointer, members.error().message);
    return;
  }
  workflow::Given given;
  for (const wire::Member& member : *members) given.emplace(member.key, member.raw);
  std::vector<std::string_view> names;
  for (const model::WorkflowInput& input : definition.inputs) {
    names.emplace_back(input.name);
    if (given.contains(input.name) || input.default_json) continue;
    problems.tell(base::pointer_to("/inputs", input.name),
                  "is required: the workflow has no default for it");
  }
  const std::unordered_set<std::string_view> known(names.begin(), names.end());
  for (const wire::Member& member : *members) {
    if (known.contains(member.key)) continue;
    problems.tell(base::pointer_to("/inputs", member.key),
                  "the workflow has no such input" + problems.instead(member.key, names));
  }
  for (base::FieldProblem& problem : workflow::check_given(definition, given))
    problems.tell("/inputs" + problem.pointer, std::move(problem.detail));
}

Error wrong(base::Problems problems) {
  return Error{ErrorCode::invalid_fields, "some fields are wrong", std::move(problems).all()};
}

// What is to be known of a run before it begins.
struct Asked {
  std::string inputs;
  std::vector<std::size_t> force;  // places of nodes
};
Result<Asked> read_asked(wire::WorkflowExecute request, const model::Workflow& definition,
                         const NodeTasks& tasks) {
  base::Problems problems;
  Asked asked{std::move(request.inputs).value_or("{}"), {}};
  check_inputs(asked.inputs, definition, problems);
  asked.force = forced(request.force, NodeNames(definition), problems);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (tasks[i]) continue;
    const std::string& name = definition.nodes[i].name;
    problems.tell(base::pointer_to("/nodes", name), "its task is not there any more");
  }
  if (!problems.empty()) return wrong(std::move(problems));
  return asked;
}

// A new run of `workflow`, with the versions of tasks that there are now.
awaitable<Result<model::WorkflowRun>> new_run(Api& api, const model::KeptWorkflow& workflow,
                                              wire::WorkflowExecute request, bool fresh) {
  auto read = co_await definition_of(api, workflow);
  if (!read) co_return read.error();
  const model::Workflow& definition = **read;
  auto tasks = co_await tasks_of(api, workflow.user, definition);
  if (!tasks) co_return tasks.error();
  const std::size_t bytes = (request.inputs ? request.inputs->size() : 0) +
                            request.force.size() * definition.nodes.size() * kName;
  auto asked = co_await base::beside_loop<Asked>(Routes::parts(api).threads, bytes, [&] {
    return read_asked(std::move(request), definition, *tasks);
  });
  if (!asked) co_return asked.error();
  model::WorkflowRun run;
  for (const std::optional<model::Task>& task : *tasks) {
    model::NodeRecord node;
    node.task_id = task->id;
    node.version = task->version.number;
    if (fresh) node.fresh_since = run.attempt;
    run.nodes.push_back(std::move(node));
  }
  for (const std::size_t place : asked->force) run.nodes[place].fresh_since = run.attempt;
  run.id = model::WorkflowRunId::make();
  run.workflow_id = workflow.id;
  run.user = workflow.user;
  run.version = workflow.version;
  run.definition_json = workflow.definition_json;
  run.state = workflow::Plan(definition).start();
  auto placed = co_await place_inputs(api, model::as_run(run.id), std::move(asked->inputs));
  if (!placed) co_return placed.error();
  run.inputs = std::move(*placed);
  co_return run;
}

Result<workflow::Resumption> read_resumption(const wire::WorkflowResume& request,
                                             const model::Workflow& definition) {
  base::Problems problems;
  const NodeNames names(definition);
  workflow::Resumption how;
  for (const auto& [name, version] : request.versions) {
    const auto place = names.find(name, base::pointer_to("/versions", name), problems);
    if (place) how.versions.emplace_back(*place, version);
  }
  how.force = forced(request.force, names, problems);
  if (!problems.empty()) return wrong(std::move(problems));
  return how;
}

// The versions of tasks that a resumption names are there.
awaitable<Result<void>> check_versions(Api& api, const model::WorkflowRun& run,
                                       const model::Workflow& definition,
                                       const workflow::Resumption& how) {
  base::Problems problems;
  for (const auto& [place, version] : how.versions) {
    auto task =
        co_await Routes::parts(api).store.get_task(run.user, run.nodes[place].task_id, version);
    if (!task && task.error().code != ErrorCode::not_found) co_return task.error();
    if (task) continue;
    problems.tell(base::pointer_to("/versions", definition.nodes[place].name),
                  "its task has no version " + std::to_string(version));
  }
  if (!problems.empty()) co_return wrong(std::move(problems));
  co_return Result<void>{};
}

// A run that has been begun or resumed: its results, or where to look for them.
awaitable<Answer> answer(Api& api, Call& call, model::WorkflowRun run,
                         std::chrono::milliseconds wait) {
  const auto channel = channel_of(api, run.id);
  const model::WorkflowRunId id = run.id;
  auto seen = co_await wait_for_end(api, call, std::move(run), *channel, wait);
  if (!seen) co_return seen.error();
  if (!model::is_end(seen->state.status) || wait.count() == 0) {
    net::Response response = json_response(202, wire::workflow_accepted_json(*seen));
    response.headers.emplace_back("Location", "/api/workflow-runs/" + id.str());
    co_return response;
  }
  co_return co_await show(api, call, *seen, Part::results);
}

}  // namespace

awaitable<Answer> Routes::execute_workflow(Api& api, Call& call) {
  auto id = workflow_id(call);
  if (!id) co_return id.error();
  const auto wait = wait_time(call);
  if (!wait) co_return wait.error();
  auto posted = co_await read_post<wire::WorkflowExecute>(api, call, wire::read_workflow_execute);
  if (!posted) co_return posted.error();
  auto& [request, key] = *posted;
  store::Workflows& workflows = parts(api).store.workflows();
  if (key) {
    auto earlier = co_await workflows.run_made_by(call.caller.user, *key);
    if (!earlier) co_return earlier.error();
    if (*earlier) co_return co_await answer(api, call, std::move(**earlier), *wait);
  }
  if (auto fine = can_accept(api, call.caller.user); !fine) co_return fine.error();
  auto workflow = co_await workflows.get(call.caller.user, *id, request.version);
  if (!workflow) co_return workflow.error();
  auto run = co_await new_run(api, *workflow, std::move(request), wants_fresh(call.request()));
  if (!run) co_return run.error();
  const std::string inputs_key = run->inputs.key;
  auto begun =
      co_await workflows.begin(std::move(*run), parts(api).workflow_care(), std::move(key));
  co_await forget_unused_inputs(api, inputs_key, begun);
  if (!begun) co_return begun.error();
  if (begun->created) parts(api).workflow_begun(begun->value.id);
  co_return co_await answer(api, call, std::move(begun->value), *wait);
}

awaitable<Answer> Routes::resume_workflow_run(Api& api, Call& call) {
  auto id = workflow_run_id(call);
  if (!id) co_return id.error();
  const auto wait = wait_time(call);
  if (!wait) co_return wait.error();
  auto request = co_await read_body<wire::WorkflowResume>(
      api, call, [&] { return wire::read_workflow_resume(call.request().body); });
  if (!request) co_return request.error();
  if (auto fine = can_accept(api, call.caller.user); !fine) co_return fine.error();
  store::Workflows& workflows = parts(api).store.workflows();
  auto ended = co_await workflows.get_run(call.caller.user, *id);
  if (!ended) co_return ended.error();
  auto read = co_await definition_of(api, *ended);
  if (!read) co_return read.error();
  const model::Workflow& definition = **read;
  const Error refused =
      fail(ErrorCode::conflict,
           "only a run that has failed or was cancelled can be resumed; this one is " +
               std::string(model::name(model::public_status(ended->state.status))));
  const bool may = ended->state.status == model::WorkflowStatus::failed ||
                   ended->state.status == model::WorkflowStatus::cancelled;
  if (!may) co_return refused;
  const std::size_t named = request->versions.size() + request->force.size();
  auto how = co_await base::beside_loop<workflow::Resumption>(
      parts(api).threads, named * definition.nodes.size() * kName,
      [&] { return read_resumption(*request, definition); });
  if (!how) co_return how.error();
  auto fine = co_await check_versions(api, *ended, definition, *how);
  if (!fine) co_return fine.error();
  auto done = co_await workflows.resume(workflow::resumed(*ended, definition, *how),
                                        parts(api).workflow_care());
  if (!done) co_return done.error();
  if (!*done) co_return fail(ErrorCode::conflict, "somebody else has resumed it");
  parts(api).workflow_begun(*id);
  auto now = co_await workflows.get_run(call.caller.user, *id);
  if (!now) co_return now.error();
  co_return co_await answer(api, call, std::move(*now), *wait);
}

}  // namespace mecapy::api
