// The queue within one process: a set ordered by time, and the pops that wait.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <compare>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

#include "queue/queue.h"

namespace mecapy::queue {

// One waiting pop. Completed at most once, without the queue's lock.
class Waiter {
 public:
  explicit Waiter(base::Deadline deadline) : deadline_(deadline) {}
  virtual ~Waiter() = default;
  base::Deadline deadline() const { return deadline_; }
  // Resumes the pop on its own executor.
  virtual void complete(std::optional<model::RunId> id) = 0;

 private:
  base::Deadline deadline_;
};

// A thread of its own watches the time: the deadlines of the waiting pops, and when the next run
// becomes available. Everything else is done by the thread that pushes or pops.
class MemoryQueue final : public Queue {
 public:
  // `on_wait` is called, on any thread, when a pop has begun to wait.
  MemoryQueue(std::size_t capacity, std::shared_ptr<const base::Clock> clock,
              std::function<void()> on_wait = {});
  // Closes the queue. The executors of waiting pops must still be there.
  ~MemoryQueue() override;

  Result<void> push(model::RunId id, std::chrono::microseconds pause) override;
  awaitable<std::optional<model::RunId>> pop(base::Deadline deadline) override;
  void done(const model::RunId&) override {}
  void bury(const model::RunId&, const std::string&) override {}
  Result<void> health() const override { return {}; }
  std::size_t size() const override;
  // Pops that wait.
  std::size_t waiters() const;
  std::size_t capacity() const override { return capacity_; }
  void close() override;

  // Looks at the clock again: for tests, whose clock does not run by itself.
  void poke();

  // For pop(): completes `waiter` at once when it can, else keeps it.
  void add(std::shared_ptr<Waiter> waiter);
  // Ends a waiting pop with nothing; does nothing when it was completed already.
  void cancel(const std::shared_ptr<Waiter>& waiter);

 private:
  // The order of the queue: time, then arrival.
  struct Place {
    base::TimePoint not_before;
    std::uint64_t arrival = 0;
    auto operator<=>(const Place&) const = default;
  };
  struct Completion {
    std::shared_ptr<Waiter> waiter;
    std::optional<model::RunId> id;
  };
  using Completions = std::list<Completion>;

  // The following are called with the lock held. What they decide is done after it is released.
  std::optional<model::RunId> take_ready();
  Completions settle();
  std::optional<base::Deadline> next_event() const;

  static void complete(Completions completions);
  void watch();

  const std::size_t capacity_;
  const std::shared_ptr<const base::Clock> clock_;
  const std::function<void()> on_wait_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Place, model::RunId> runs_;
  std::unordered_map<model::RunId, Place> places_;
  std::list<std::shared_ptr<Waiter>> waiters_;  // the first came first
  std::uint64_t arrivals_ = 0;
  bool closed_ = false;
  bool ending_ = false;
  std::thread watcher_;  // last: it uses all the others
};

}  // namespace mecapy::queue
