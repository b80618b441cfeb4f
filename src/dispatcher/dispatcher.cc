#include "dispatcher/dispatcher.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cmath>
#include <utility>

#include "base/log.h"
#include "dispatcher/active.h"

namespace mecapy::dispatcher {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr int kPage = 500;
using Steady = std::chrono::steady_clock;

std::chrono::microseconds since(Steady::time_point begin) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - begin);
}

// What is told of an end that was to be written.
void take(retry::Became became, AttemptReport& report) {
  switch (became) {
    case retry::Became::waits:
      report.became = Became::retried;
      break;
    case retry::Became::cancelled:
      report.take_cancel();
      break;
    case retry::Became::ended:
      report.became = Became::recorded;
      break;
    case retry::Became::lost:
      report.became = Became::lost;
      break;
  }
}

}  // namespace

Dispatcher::Dispatcher(asio::io_context& io, Parts parts, Options options)
    : io_(io),
      parts_(parts),
      options_(std::move(options)),
      retry_(parts_.store, parts_.feed, options_.retry),
      slot_timer_(io, asio::steady_timer::time_point::max()),
      stop_timer_(io, asio::steady_timer::time_point::max()),
      heartbeat_timer_(io, asio::steady_timer::time_point::max()) {}

Dispatcher::~Dispatcher() = default;

std::size_t Dispatcher::running() const { return active_.size(); }

awaitable<Result<void>> Dispatcher::start() {
  std::optional<std::string> others;
  if (options_.owns_store) others = options_.claimant;
  auto released = co_await release_dead(others);
  if (!released) co_return released.error();
  auto filled = co_await fill_queue();
  if (!filled) co_return filled.error();
  spawn_loop(pump());
  spawn_loop(heartbeat());
  spawn_loop(reconcile_loop());
  co_return Result<void>{};
}

void Dispatcher::spawn_loop(awaitable<void> loop) {
  ++loops_;
  asio::co_spawn(io_, std::move(loop), [this](std::exception_ptr e) {
    --loops_;
    slot_freed();
    if (e) base::log_error("a loop of the dispatcher ended with an unexpected exception");
  });
}

void Dispatcher::cancel(const model::RunId& id) {
  const auto it = active_.find(id);
  if (it != active_.end()) it->second->cancellation.request();
}

awaitable<void> Dispatcher::drain(base::Deadline deadline) {
  draining_ = true;
  stop_timer_.cancel();
  slot_freed();
  parts_.queue.close();
  co_await idle(deadline);
  for (auto& [id, active] : active_) {
    active->interrupted = true;
    active->cancellation.request();
  }
  co_await idle(base::after(std::chrono::seconds(5)));
}

// Returns when nothing of ours runs any more, or at the deadline.
awaitable<void> Dispatcher::idle(base::Deadline deadline) {
  while (busy_ + loops_ > 0 && std::chrono::steady_clock::now() < deadline) {
    slot_timer_.expires_at(deadline);
    boost::system::error_code ec;
    co_await slot_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
}

awaitable<void> Dispatcher::pause(milliseconds d) {
  if (draining_) co_return;
  stop_timer_.expires_after(d);
  boost::system::error_code ec;
  co_await stop_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
}

void Dispatcher::slot_freed() {
  slot_timer_.cancel();
  if (draining_ && busy_ == 0) heartbeat_timer_.cancel();
}

awaitable<void> Dispatcher::pump() {
  while (!draining_) {
    if (busy_ >= parts_.router.capacity()) {
      slot_timer_.expires_at(asio::steady_timer::time_point::max());
      boost::system::error_code ec;
      co_await slot_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
      continue;
    }
    auto id = co_await parts_.queue.pop(base::after(std::chrono::seconds(60)));
    if (!id) continue;
    ++busy_;
    asio::co_spawn(io_, run_one(std::move(*id)), [this](std::exception_ptr e) {
      --busy_;
      slot_freed();
      if (e) base::log_error("an attempt ended with an unexpected exception");
    });
  }
}

awaitable<void> Dispatcher::run_one(model::RunId id) {
  if (draining_) co_return;  // the store still has it queued
  const auto begin = Steady::now();
  auto job = co_await parts_.store.claim(id, options_.claimant, options_.lease);
  if (job && *job) {
    AttemptReport report{.run = id, .task = (*job)->task_id, .attempt = (*job)->attempt};
    report.times.claim = since(begin);
    if (report.attempt == 1) report.times.queued = (*job)->waited;
    co_return co_await attempt(std::move(**job), std::move(report));
  }
  if (!job) {
    base::log_warn("a run could not be claimed",
                   {{"run", id.str()}, {"error", job.error().message}});
  }
  parts_.queue.done(id);  // not ours; or the reconciler finds it again
}

void Dispatcher::tell(const AttemptReport& report) const {
  if (parts_.on_attempt) parts_.on_attempt(report);
}

awaitable<void> Dispatcher::attempt(model::Job job, AttemptReport report) {
  auto active = std::make_shared<Active>(io_);
  active->attempt = job.attempt;
  active->channel = parts_.feed.open(job.run_id);
  active->channel->set_status(model::RunStatus::running, job.attempt);
  // One that was taken from this process and came back to it as the next attempt.
  if (const auto earlier = std::exchange(active_[job.run_id], active)) earlier->lose();
  const router::Router::Place place = parts_.router.choose(job);
  report.backend = place.backend().name();
  active->shortened = shorten(job);
  active->run = job.run_id;
  active->on_saved = [this, weak = std::weak_ptr(active)] {
    if (const auto strong = weak.lock()) saved(strong);
  };
  if (job.checkpoint) {
    active->checkpoint_key = model::checkpoint_key(job.run_id.str(), *job.checkpoint);
    active->channel->set_progress(job.attempt, model::resumed_progress(*job.checkpoint));
  }
  const auto begin = Steady::now();
  model::RunEnd end = co_await execute(place.backend(), job, *active);
  report.times.execute = since(begin);
  co_await keep_saved(active);
  co_await finish(std::move(job), std::move(end), active, std::move(report));
}

// Whether the job may take longer than the backends here allow: then it has as long as they do.
bool Dispatcher::shorten(model::Job& job) const {
  if (options_.longest_s <= 0 || job.limits.timeout_s <= options_.longest_s) return false;
  // CPU time is not what ends it, unless it has all of it that workers here give.
  job.limits.cpu_s = std::min(job.limits.cpu_budget_s(), options_.longest_cpu_s);
  job.limits.timeout_s = options_.longest_s;
  return true;
}

awaitable<model::RunEnd> Dispatcher::execute(backends::Backend& backend, const model::Job& job,
                                             Active& active) {
  try {
    co_return co_await backend.execute(job, active, active.cancellation);
  } catch (const std::exception& e) {
    active.cancellation.clear_hook();
    base::log_error("an unexpected exception in a backend",
                    {{"run", job.run_id.str()}, {"backend", backend.name()}, {"error", e.what()}});
    co_return model::failed_end(model::OutcomeCode::internal, "the backend failed unexpectedly");
  }
}

awaitable<void> Dispatcher::finish(model::Job job, model::RunEnd end,
                                   std::shared_ptr<Active> active, AttemptReport report) {
  const store::Lease lease{job.run_id, job.attempt};
  if (end.status == model::RunStatus::cancelled && !active->cancellation.requested()) {
    end = model::failed_end(model::OutcomeCode::internal, "cancelled, though nobody asked for it");
  }
  const bool cancelled = end.status == model::RunStatus::cancelled;
  report.take(end);
  if (active->lost) {
    report.became = Became::lost;
    parts_.queue.done(job.run_id);
  } else if (cancelled && active->interrupted) {
    report.became = Became::stopped;
    co_await put_back(lease, {model::OutcomeCode::worker_lost, "stopped by a shutdown", "", {}, {}},
                      milliseconds(0), report);
  } else if (active->shortened && end.failure && end.failure->code == model::OutcomeCode::timeout) {
    co_await move(lease, options_.longest_s, report);
  } else if (retry_.again(lease, end)) {
    report.became = Became::retried;
    co_await put_back(lease, *end.failure, retry_.pause_after(job.attempt), report);
  } else {
    co_await conclude(lease, std::move(end), *active, report);
    if (report.became == Became::recorded) {
      report.times.total = job.waited + *report.times.execute + *report.times.record;
    }
  }
  active->channel->leave(job.attempt);
  std::erase_if(active_, [&](const auto& entry) { return entry.second == active; });
  tell(report);
}

// It begins again, on a machine of its own.
awaitable<void> Dispatcher::move(store::Lease lease, double longest_s, AttemptReport& report) {
  const model::RunId id = lease.run_id;
  const int attempt = lease.attempt;
  model::Failure why{model::OutcomeCode::timeout,
                     "it took longer than the " + std::to_string(std::llround(longest_s)) +
                         " s that its backend allows, and begins again on a machine of its own",
                     "",
                     {},
                     {}};
  auto moved = co_await parts_.store.move(lease, std::move(why));
  if (moved && !*moved) {
    const auto cancelled = co_await parts_.store.end_cancelled(lease);
    if (cancelled && *cancelled) {
      report.take_cancel();
      parts_.feed.open(id)->set_status(model::RunStatus::cancelled, attempt);
    } else {
      report.became = Became::lost;
    }
  } else if (!moved) {
    report.became = Became::unrecorded;
    base::log_error("a run could not be moved",
                    {{"run", id.str()}, {"error", moved.error().message}});
  } else {
    report.became = Became::moved;
    parts_.feed.open(id)->set_status(model::RunStatus::queued, attempt);
    parts_.on_move();
  }
  parts_.queue.done(id);
}

// The last word on the run, as far as this process has one.
awaitable<void> Dispatcher::conclude(store::Lease lease, model::RunEnd end, Active& active,
                                     AttemptReport& report) {
  const model::RunId id = lease.run_id;
  const std::string fault =
      retry::Retry::is_fault(end) ? std::string(model::row(end.failure->code).name) : "";
  // A run that was cut off has no log of its own: what its worker told of it is kept.
  if (end.log.inline_bytes.empty() && !end.log.stored()) {
    end.log.inline_bytes = std::move(active.told);
    end.usage.log_bytes = static_cast<std::int64_t>(end.log.inline_bytes.size());
  }
  report.given_up = !fault.empty();
  const auto begin = Steady::now();
  co_await record(std::move(lease), std::move(end), report);
  if (report.became == Became::recorded) {
    report.times.record = since(begin);
    if (!active.checkpoint_key.empty()) parts_.forget(std::move(active.checkpoint_key));
  }
  if (fault.empty()) {
    parts_.queue.done(id);
  } else {
    parts_.queue.bury(id, fault);
  }
}

// The end must get into the store as long as it can be ours: after that the lease is over and
// another process repeats the run.
awaitable<void> Dispatcher::record(store::Lease lease, model::RunEnd end, AttemptReport& report) {
  milliseconds wait{50};
  const base::Deadline give_up = base::after(options_.lease * 4);
  while (true) {
    auto written = co_await write_end(lease, end);
    if (written) co_return take(*written, report);
    base::log_error("the end of a run could not be recorded",
                    {{"run", lease.run_id.str()}, {"error", written.error().message}});
    if (std::chrono::steady_clock::now() > give_up) {
      report.became = Became::unrecorded;
      co_return;
    }
    asio::steady_timer timer(io_, wait);
    boost::system::error_code ec;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    wait = std::min(wait * 2, milliseconds(2000));
  }
}

awaitable<Result<retry::Became>> Dispatcher::write_end(store::Lease lease, model::RunEnd end) {
  if (retry::Retry::is_fault(end)) {
    co_return co_await retry_.give_up(std::move(lease), std::move(end));
  }
  const model::RunStatus status = end.status;
  auto recorded = co_await parts_.store.record_end(
      lease, std::move(end), [this, id = lease.run_id] { parts_.on_end_written(id); });
  if (!recorded) co_return recorded.error();
  if (!*recorded) co_return retry::Became::lost;
  parts_.feed.open(lease.run_id)->set_status(status, lease.attempt);
  co_return retry::Became::ended;
}

awaitable<void> Dispatcher::put_back(store::Lease lease, model::Failure failure, milliseconds pause,
                                     AttemptReport& report) {
  const model::RunId id = lease.run_id;
  auto done = co_await retry_.put_back(std::move(lease), std::move(failure), pause);
  parts_.queue.done(id);
  if (!done) {
    report.became = Became::unrecorded;
    base::log_error("a run could not be put back",
                    {{"run", id.str()}, {"error", done.error().message}});
    co_return;  // its lease ends, and the reconciler puts it back
  }
  if (*done != retry::Became::waits) co_return take(*done, report);
  if (const auto pushed = parts_.queue.push(id, pause); !pushed) {
    base::log_info("a run waits for room in the queue", {{"run", id.str()}});
  }
}

awaitable<void> Dispatcher::heartbeat() {
  while (!draining_ || busy_ > 0) {
    heartbeat_timer_.expires_after(options_.lease / 3);
    boost::system::error_code ec;
    co_await heartbeat_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    if (active_.empty()) continue;
    std::vector<store::Lease> leases;
    for (const auto& [id, active] : active_) leases.push_back({id, active->attempt});
    auto report = co_await parts_.store.extend_leases(options_.claimant, leases, options_.lease);
    if (!report) {
      base::log_warn("leases could not be extended", {{"error", report.error().message}});
      continue;
    }
    for (const model::RunId& id : report->lost) {
      const auto it = active_.find(id);
      if (it != active_.end()) it->second->lose();
    }
    for (const model::RunId& id : report->cancel_requested) cancel(id);
  }
}

awaitable<void> Dispatcher::reconcile_loop() {
  while (!draining_) {
    co_await pause(options_.reconcile_every);
    if (draining_) co_return;
    if (const auto done = co_await release_dead(std::nullopt); !done) {
      base::log_warn("store and queue could not be compared", {{"error", done.error().message}});
    }
    if (const auto done = co_await fill_queue(); !done) {
      base::log_warn("store and queue could not be compared", {{"error", done.error().message}});
    }
  }
}

awaitable<Result<void>> Dispatcher::release_dead(std::optional<std::string> also_not_of) {
  while (true) {
    auto dead = co_await parts_.store.dead_leases(also_not_of, kPage);
    if (!dead) co_return dead.error();
    for (store::Lease& lease : *dead) {
      if (active_.contains(lease.run_id)) continue;
      auto done = co_await release(std::move(lease), also_not_of.has_value());
      if (!done) co_return done.error();
    }
    if (dead->size() < static_cast<std::size_t>(kPage)) co_return Result<void>{};
  }
}

// Of a process that died: the run is put back, or it was its last attempt.
awaitable<Result<void>> Dispatcher::release(store::Lease lease, bool at_start) {
  const model::RunEnd end =
      model::failed_end(model::OutcomeCode::worker_lost, "the process that ran it died");
  AttemptReport report{.run = lease.run_id, .attempt = lease.attempt, .became = Became::retried};
  report.take(end);
  if (retry_.again(lease, end)) {
    const auto pause = at_start ? milliseconds(0) : retry_.pause_after(lease.attempt);
    co_await put_back(std::move(lease), *end.failure, pause, report);
  } else {
    auto given_up = co_await retry_.give_up(std::move(lease), end);
    if (!given_up) co_return given_up.error();
    take(*given_up, report);
    report.given_up = *given_up == retry::Became::ended;
  }
  tell(report);
  co_return Result<void>{};
}

awaitable<Result<void>> Dispatcher::fill_queue() {
  std::string after;
  while (true) {
    auto page = co_await parts_.store.queued_runs(after, kPage);
    if (!page) co_return page.error();
    for (const store::QueuedRun& run : *page) {
      // Full: the next round goes on from the front, by then there is room.
      if (!parts_.queue.push(run.run_id, run.pause)) co_return Result<void>{};
    }
    if (page->size() < static_cast<std::size_t>(kPage)) co_return Result<void>{};
    after = page->back().run_id.str();
  }
}

}  // namespace mecapy::dispatcher
