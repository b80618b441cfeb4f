// What the handlers of workflows have in common.
#pragma once

#include <memory>

#include "api/routes.h"
#include "wire/workflow_json.h"
#include "workflow/check.h"

namespace mecapy::api {

Result<model::WorkflowId> workflow_id(const Call& call);  // not_found when it is no id
Result<model::WorkflowRunId> workflow_run_id(const Call& call);

// What is kept of a workflow, or of one that runs, read; that of a version is read once for a
// while.
using Definition = std::shared_ptr<const model::Workflow>;
awaitable<Result<Definition>> definition_of(Api& api, const model::WorkflowRun& run);
awaitable<Result<Definition>> definition_of(Api& api, const model::KeptWorkflow& workflow);

// The tasks of a definition, by the places of its nodes: nothing where there is no such task, or no
// such version of it.
using NodeTasks = std::vector<std::optional<model::Task>>;
awaitable<Result<NodeTasks>> tasks_of(Api& api, const std::string& user,
                                      const model::Workflow& definition);
// invalid_fields with all that is wrong with it.
awaitable<Result<void>> check_definition(Api& api, const model::Workflow& definition,
                                         const NodeTasks& tasks);

// A run as it is, with its result where that is asked for and there.
enum class Part : std::uint8_t { status, results };
awaitable<Answer> show(Api& api, Call& call, model::WorkflowRun run, Part part);
// Once it has ended, or `wait` has passed.
awaitable<Result<model::WorkflowRun>> wait_for_end(Api& api, Call& call, model::WorkflowRun run,
                                                   feed::Channel& channel,
                                                   std::chrono::milliseconds wait);

// Where watchers of a run of a workflow hear of it.
std::shared_ptr<feed::Channel> channel_of(Api& api, const model::WorkflowRunId& id);

}  // namespace mecapy::api
