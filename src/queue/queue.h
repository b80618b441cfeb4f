// The queue: a hint that a run waits. It may lose, repeat or reorder; the store decides.
// Thread-safe.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "model/ids.h"
#include "redis/address.h"

namespace mecapy::queue {

using boost::asio::awaitable;

class Queue {
 public:
  virtual ~Queue() = default;
  // Makes `id` available when `pause` is over, by the queue's own clock. An id already waiting is
  // not doubled; the earlier time wins. busy when the queue holds its capacity, draining when it is
  // closed. One shared by processes holds no more than that of all of them together, either; what
  // one pushes before it has heard that others filled it is lost, and may be pushed again.
  virtual Result<void> push(model::RunId id, std::chrono::microseconds pause) = 0;
  // The next run, in the order of their times and then of arrival, or about so where processes
  // share it; one that is there in this process is given even after the deadline. Nothing when the
  // deadline passes, the queue is closed, or the caller cancels. The executor of a waiting pop must
  // outlive the queue.
  virtual awaitable<std::optional<model::RunId>> pop(base::Deadline deadline) = 0;
  // What pop gave was seen to: it ended, or is not to be run after all. To be called once for each
  // pop, before the run is pushed again; a queue shared by processes gives to another one what was
  // popped by one that died.
  virtual void done(const model::RunId& id) = 0;
  // Done, and kept where people look for what was given up.
  virtual void bury(const model::RunId& id, const std::string& why) = 0;
  // How many runs wait; of a queue shared by processes, as it was known last.
  virtual std::size_t size() const = 0;
  virtual std::size_t capacity() const = 0;
  // Success when what it stands on is there and takes what is pushed; the queue works without, for
  // this process alone.
  virtual Result<void> health() const = 0;
  // Ends every waiting pop with nothing; further pops end at once.
  virtual void close() = 0;
};

std::unique_ptr<Queue> make_memory_queue(std::size_t capacity,
                                         std::shared_ptr<const base::Clock> clock);

struct RedisOptions {
  redis::Address address;
  std::string prefix = "mecapy";            // of its keys
  std::string consumer;                     // unique to this process
  std::chrono::milliseconds lease{30'000};  // of what a process holds without a sign of life
  // Told, on the queue's thread, why Redis is away; nothing when it is there again.
  std::function<void(std::optional<std::string>)> on_change{};
};
// Never fails: Redis that is away now may come. Its clock is the queue's; `clock` serves while it
// is away.
std::unique_ptr<Queue> make_redis_queue(RedisOptions options, std::size_t capacity,
                                        std::shared_ptr<const base::Clock> clock);

}  // namespace mecapy::queue
