#include "queue/memory_queue.h"

#include <algorithm>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <utility>

namespace mecapy::queue {
namespace {

namespace asio = boost::asio;

template <class Handler>
class HandlerWaiter final : public Waiter {
 public:
  HandlerWaiter(base::Deadline deadline, Handler handler)
      : Waiter(deadline),
        guard_(asio::get_associated_executor(handler)),
        handler_(std::move(handler)) {}

  void complete(std::optional<model::RunId> id) override {
    const auto executor = guard_.get_executor();
    asio::post(executor, [handler = std::move(handler_), id = std::move(id)]() mutable {
      std::move(handler)(std::move(id));
    });
    guard_.reset();
  }

 private:
  asio::executor_work_guard<asio::associated_executor_t<Handler>> guard_;
  Handler handler_;
};

// Starts a pop: a waiter that the queue completes, or that the caller's cancellation ends.
template <class Handler>
void start_pop(MemoryQueue& queue, base::Deadline deadline, Handler handler) {
  auto slot = asio::get_associated_cancellation_slot(handler);
  auto waiter = std::make_shared<HandlerWaiter<Handler>>(deadline, std::move(handler));
  if (slot.is_connected()) {
    slot.assign([&queue, weak = std::weak_ptr<Waiter>(waiter)](asio::cancellation_type) {
      if (const auto waiting = weak.lock()) queue.cancel(waiting);
    });
  }
  queue.add(std::move(waiter));
}

}  // namespace

MemoryQueue::MemoryQueue(std::size_t capacity, std::shared_ptr<const base::Clock> clock,
                         std::function<void()> on_wait)
    : capacity_(capacity),
      clock_(std::move(clock)),
      on_wait_(std::move(on_wait)),
      watcher_([this] { watch(); }) {}

MemoryQueue::~MemoryQueue() {
  close();
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  watcher_.join();
}

Result<void> MemoryQueue::push(model::RunId id, std::chrono::microseconds pause) {
  std::unique_lock lock(mutex_);
  if (closed_) return fail(ErrorCode::draining, "the queue is closed");
  const base::TimePoint not_before = clock_->now() + pause;
  Place place{not_before, arrivals_++};
  if (const auto waiting = places_.find(id); waiting != places_.end()) {
    if (waiting->second.not_before <= not_before) return {};
    place.arrival = waiting->second.arrival;
    runs_.erase(waiting->second);
  } else if (runs_.size() >= capacity_) {
    return fail(ErrorCode::busy, "the queue is full");
  }
  places_[id] = place;
  runs_.emplace(place, std::move(id));
  Completions completions = settle();
  lock.unlock();
  changed_.notify_one();
  complete(std::move(completions));
  return {};
}

awaitable<std::optional<model::RunId>> MemoryQueue::pop(base::Deadline deadline) {
  return asio::async_initiate<const asio::use_awaitable_t<>&, void(std::optional<model::RunId>)>(
      [this](auto handler, base::Deadline until) { start_pop(*this, until, std::move(handler)); },
      asio::use_awaitable, deadline);
}

std::size_t MemoryQueue::size() const {
  const std::lock_guard lock(mutex_);
  return runs_.size();
}

std::size_t MemoryQueue::waiters() const {
  const std::lock_guard lock(mutex_);
  return waiters_.size();
}

void MemoryQueue::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  Completions completions = settle();
  lock.unlock();
  complete(std::move(completions));
}

void MemoryQueue::poke() {
  std::unique_lock lock(mutex_);
  Completions completions = settle();
  lock.unlock();
  changed_.notify_one();
  complete(std::move(completions));
}

void MemoryQueue::add(std::shared_ptr<Waiter> waiter) {
  std::unique_lock lock(mutex_);
  waiters_.push_back(std::move(waiter));
  Completions completions = settle();
  lock.unlock();
  changed_.notify_one();
  const bool waits = completions.empty();
  complete(std::move(completions));
  if (waits && on_wait_) on_wait_();
}

void MemoryQueue::cancel(const std::shared_ptr<Waiter>& waiter) {
  {
    const std::lock_guard lock(mutex_);
    if (waiters_.remove(waiter) == 0) return;
  }
  waiter->complete(std::nullopt);
}

// The next run when its time has come, taken out of the queue.
std::optional<model::RunId> MemoryQueue::take_ready() {
  const auto first = runs_.begin();
  if (first == runs_.end() || first->first.not_before > clock_->now()) return std::nullopt;
  model::RunId id = std::move(first->second);
  places_.erase(id);
  runs_.erase(first);
  return id;
}

// Takes out the waiters that can be completed now, with what each gets.
MemoryQueue::Completions MemoryQueue::settle() {
  Completions completions;
  const auto now = std::chrono::steady_clock::now();
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    std::optional<model::RunId> id;
    if (!closed_) id = take_ready();
    if (!id && !closed_ && (*it)->deadline() > now) {
      ++it;
      continue;
    }
    completions.push_back({std::move(*it), std::move(id)});
    it = waiters_.erase(it);
  }
  return completions;
}

void MemoryQueue::complete(Completions completions) {
  for (Completion& c : completions) c.waiter->complete(std::move(c.id));
}

// When settle() will have something to do without a push or a pop; nothing when nobody waits.
std::optional<base::Deadline> MemoryQueue::next_event() const {
  if (waiters_.empty()) return std::nullopt;
  base::Deadline next = base::Deadline::max();
  for (const auto& waiter : waiters_) next = std::min(next, waiter->deadline());
  if (!runs_.empty()) {
    const auto wait =
        std::max(runs_.begin()->first.not_before - clock_->now(), std::chrono::microseconds(0));
    // At most a minute: the clock may be set, and far times do not fit the steady clock.
    next = std::min(
        next, base::after(std::min<std::chrono::microseconds>(wait, std::chrono::minutes(1))));
  }
  return next;
}

void MemoryQueue::watch() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (const auto next = next_event()) {
      changed_.wait_until(lock, *next);
    } else {
      changed_.wait(lock);
    }
    Completions completions = settle();
    lock.unlock();
    complete(std::move(completions));
    lock.lock();
  }
}

std::unique_ptr<Queue> make_memory_queue(std::size_t capacity,
                                         std::shared_ptr<const base::Clock> clock) {
  return std::make_unique<MemoryQueue>(capacity, std::move(clock));
}

}  // namespace mecapy::queue
