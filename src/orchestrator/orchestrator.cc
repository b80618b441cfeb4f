#include "orchestrator/orchestrator.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/jitter.h"
#include "base/log.h"

namespace mecapy::orchestrator {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr int kPage = 200;
constexpr std::chrono::milliseconds kBackoff{200};
constexpr std::chrono::milliseconds kLongestBackoff{10'000};

}  // namespace

Orchestrator::Orchestrator(asio::io_context& io, Parts parts, Options options)
    : io_(io),
      parts_(std::move(parts)),
      options_(std::move(options)),
      shares_(std::make_shared<Shares>(parts_.capacity)),
      held_(std::make_shared<Held>(options_.most_held)),
      tick_(io),
      idle_(io, steady_clock::time_point::max()) {}

awaitable<Result<void>> Orchestrator::start() {
  if (auto taken = co_await take(); !taken) co_return taken.error();
  looping_ = true;
  asio::co_spawn(io_, loop(), [this](std::exception_ptr e) {
    looping_ = false;
    idle_.cancel();
    if (e) base::log_error("the loop of the orchestrator ended with an unexpected exception");
  });
  co_return Result<void>{};
}

awaitable<void> Orchestrator::loop() {
  while (!draining_) {
    tick_.expires_after(options_.lease / 3);
    boost::system::error_code ec;
    co_await tick_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    if (draining_) co_return;
    auto extended = co_await parts_.store.workflows().extend(care());
    auto taken = extended ? co_await take() : extended;
    if (!taken) {
      base::log_warn("runs of workflows are not looked after", {{"error", taken.error().message}});
    }
  }
}

awaitable<Result<void>> Orchestrator::take() {
  while (!draining_) {
    const bool all = std::exchange(first_, false) && options_.owns_store;
    auto ids = co_await parts_.store.workflows().take(care(), all, kPage);
    if (!ids) co_return ids.error();
    for (const model::WorkflowRunId& id : *ids) begun(id);
    if (all) first_ = static_cast<int>(ids->size()) == kPage;
    if (static_cast<int>(ids->size()) < kPage) break;
  }
  co_return Result<void>{};
}

void Orchestrator::begun(const model::WorkflowRunId& id) {
  if (draining_) return;
  const auto [it, is_new] = conducts_.try_emplace(id);
  it->second.again = !is_new;
  if (!is_new) return;
  asio::co_spawn(io_, conduct(id), [this, id](std::exception_ptr e) {
    const bool again = conducts_[id].again;
    conducts_.erase(id);
    idle_.cancel();
    if (e) {
      base::log_error("a run of a workflow is left by an unexpected exception",
                      {{"run", id.str()}});
    } else if (again) {
      begun(id);
    }
  });
}

void Orchestrator::wake(const model::WorkflowRunId& id) {
  const auto it = conducts_.find(id);
  if (it != conducts_.end() && it->second.conduct) it->second.conduct->wake();
}

void Orchestrator::run_ended(const model::RunId& id) {
  for (const auto& [of, conducted] : conducts_) {
    if (conducted.conduct) conducted.conduct->run_ended(id);
  }
}

awaitable<void> Orchestrator::conduct(model::WorkflowRunId id) {
  for (int tried = 1; !draining_; ++tried) {
    const auto conduct = std::make_shared<Conduct>(io_, parts_, options_, shares_, held_, id);
    conducts_[id].conduct = conduct;
    auto played = co_await conduct->play();
    if (played) co_return;
    base::log_warn("a run of a workflow waits",
                   {{"run", id.str()}, {"error", played.error().message}});
    conducts_[id].conduct = nullptr;
    asio::steady_timer pause(io_, base::jittered_backoff(kBackoff, kLongestBackoff, tried));
    boost::system::error_code ec;
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
}

awaitable<void> Orchestrator::drain(base::Deadline deadline) {
  draining_ = true;
  tick_.cancel();
  for (const auto& [id, conducted] : conducts_) {
    if (conducted.conduct) conducted.conduct->stop();
  }
  while ((looping_ || !conducts_.empty()) && steady_clock::now() < deadline) {
    idle_.expires_at(deadline);
    boost::system::error_code ec;
    co_await idle_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
  // Who comes next need not wait for the lease.
  (void)co_await parts_.store.workflows().extend({options_.claimant, {}});
}

}  // namespace mecapy::orchestrator
