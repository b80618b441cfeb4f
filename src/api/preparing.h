// A run before the store has it, and once it has.
#pragma once

#include "api/choice.h"

namespace mecapy::api {

// Small inputs travel in the row, large ones as an object.
awaitable<Result<model::Payload>> place_inputs(Api& api, const model::RunId& id,
                                               std::string inputs);
// Removes the inputs of what was not made after all; "" where they lie in no object. A database
// that failed may have made it: then they stay, and the janitor removes them when no run refers to
// them.
awaitable<void> remove_inputs(Api& api, std::string key);
template <class T>
awaitable<void> forget_unused_inputs(Api& api, std::string key,
                                     const Result<store::Created<T>>& made) {
  const bool may_be_used = made ? made->created : made.error().code == ErrorCode::storage;
  if (!key.empty() && !may_be_used) co_await remove_inputs(api, std::move(key));
}
// Chooses where the run goes, by what is known before it, and what budgets count of it.
awaitable<Result<void>> send_somewhere(Api& api, RouteQuestion question, model::Run& run);
// What a user may spend now; nothing for one without a budget.
std::optional<store::Budget> budget_of(Api& api, const std::string& user);
// The store has a new run; `request` is the id of that which asked for it, "" where none did.
void hand_on(Api& api, const model::Run& run, const std::string& request);

// A run that nobody asked for by a request of its own: of a node of a workflow.
struct RunDraft {
  std::string user;
  model::Task task;  // with the version that runs
  model::Limits limits{};
  std::string inputs;  // JSON
  bool reuse = true;   // an earlier run of the same code and inputs may answer, however old
  std::optional<model::NodePlace> own{};  // as of Reuse, as is the next
  bool own_only = false;
};
// With its inputs in their place and where it goes, or the earlier run that answers it.
awaitable<Result<model::Run>> prepare_run(Api& api, RunDraft draft);

}  // namespace mecapy::api
