#include "retry/retry.h"

#include <utility>

#include "base/jitter.h"

namespace mecapy::retry {

bool Retry::is_fault(const model::RunEnd& end) {
  return end.status == model::RunStatus::failed && end.failure &&
         model::is_platform_fault(end.failure->code);
}

bool Retry::again(const store::Lease& lease, const model::RunEnd& end) const {
  return is_fault(end) && lease.attempt < policy_.max_attempts;
}

milliseconds Retry::pause_after(int attempt) const {
  return base::jittered_backoff(policy_.backoff, policy_.backoff_max, attempt);
}

awaitable<Result<Became>> Retry::put_back(store::Lease lease, model::Failure why,
                                          milliseconds pause) {
  const model::RunId id = lease.run_id;
  const int attempt = lease.attempt;
  store::Requeue request{std::move(lease), std::move(why), pause};
  auto done = co_await store_.requeue(std::move(request));
  if (!done) co_return done.error();
  if (!*done) co_return Became::lost;
  const auto channel = feed_.open(id);
  const bool cancelled = **done == model::RunStatus::cancelled;
  // Another process may have the next attempt already, and have told so.
  if (cancelled || channel->state().attempt <= attempt) channel->set_status(**done, attempt);
  co_return cancelled ? Became::cancelled : Became::waits;
}

awaitable<Result<Became>> Retry::give_up(store::Lease lease, model::RunEnd end) {
  auto cancelled = co_await store_.end_cancelled(lease);
  if (!cancelled) co_return cancelled.error();
  const auto status = *cancelled ? model::RunStatus::cancelled : end.status;
  if (!*cancelled) {
    auto recorded = co_await store_.record_end(lease, std::move(end));
    if (!recorded) co_return recorded.error();
    if (!*recorded) co_return Became::lost;
  }
  feed_.open(lease.run_id)->set_status(status, lease.attempt);
  co_return *cancelled ? Became::cancelled : Became::ended;
}

awaitable<Result<Became>> Retry::settle(store::Lease lease, model::RunEnd end) {
  if (!again(lease, end)) co_return co_await give_up(std::move(lease), std::move(end));
  const milliseconds pause = pause_after(lease.attempt);
  model::Failure why = std::move(*end.failure);
  co_return co_await put_back(std::move(lease), std::move(why), pause);
}

}  // namespace mecapy::retry
