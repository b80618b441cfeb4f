#include "orchestrator/run_maker.h"

#include <algorithm>

#include "model/limits.h"
#include "wire/run_parts.h"

namespace mecapy::orchestrator {
namespace {

constexpr std::size_t kMostOfInputs = 4UL << 30;  // bytes, of a list's elements together

// How often the element has failed and is tried again.
int failures_of(const model::NodeRecord& record, std::size_t element) {
  const auto tried = record.tries.find(element);
  return tried == record.tries.end() ? 0 : tried->second;
}

}  // namespace

awaitable<Result<model::Run>> RunMaker::make(const model::NodeRecord& record, std::size_t place,
                                             std::size_t element, bool may_reuse) {
  const model::WorkflowNode& node = definition_.nodes[place];
  auto task = co_await task_of(record);
  if (!task) co_return task.error();
  Draft draft{.user = run_.user, .task = std::move(*task)};
  draft.limits = model::bound_cpu(wire::read_limits(node.limits_json, draft.task.version.limits),
                                  options_.ceilings);
  if (auto fit = model::check_limits(draft.limits, options_.ceilings); !fit) co_return fit.error();
  auto inputs = co_await inputs_of(node, element, draft.task.version.inputs);
  if (!inputs) co_return inputs.error();
  draft.inputs = std::move(*inputs);
  const int failures = failures_of(record, element);
  draft.reuse = may_reuse && record.fresh_since < run_.attempt && failures == 0;
  if (run_.attempt > 1) draft.own_since = std::max(record.fresh_since, 1);
  draft.own_only = record.fresh_since > 0;
  draft.place = {run_.id, static_cast<int>(place), static_cast<int>(element), run_.attempt,
                 1 + failures};
  co_return co_await parts_.prepare(std::move(draft));
}

awaitable<Result<std::string>> RunMaker::inputs_of(const model::WorkflowNode& node,
                                                   std::size_t element, std::string_view defaults) {
  if (!node.each) co_return co_await values_.inputs(node, defaults, {});
  auto list = co_await values_.list(*node.each);
  if (!list) co_return list.error();
  auto item = co_await values_.item(**list, element);
  if (!item) co_return item.error();
  auto inputs = co_await values_.inputs(node, defaults, *item);
  if (inputs && inputs->size() > kMostOfInputs / (*list)->items.size()) {
    co_return fail(ErrorCode::too_large,
                   "the inputs of the list's elements together have more than " +
                       std::to_string(kMostOfInputs >> 30) + " GiB");
  }
  co_return inputs;
}

awaitable<Result<model::Task>> RunMaker::task_of(const model::NodeRecord& record) {
  const auto key = std::pair(record.task_id.str(), record.version);
  if (const auto known = tasks_.find(key); known != tasks_.end()) co_return known->second;
  auto task = co_await parts_.store.get_task(run_.user, record.task_id, record.version);
  if (task) tasks_.emplace(key, *task);
  co_return task;
}

}  // namespace mecapy::orchestrator
