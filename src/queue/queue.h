// The queue: a hint that a run waits. It may lose, repeat or reorder; the store decides.
// Thread-safe.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "model/ids.h"

namespace mecapy::queue {

using boost::asio::awaitable;

class Queue {
 public:
  virtual ~Queue() = default;
  // Makes `id` available at or after `not_before`. An id already waiting is not doubled; the
  // earlier time wins. busy when the queue holds its capacity, draining when it is closed.
  virtual Result<void> push(model::RunId id, base::TimePoint not_before) = 0;
  // The next run, in the order of not_before and then of arrival; one that is there now is given
  // even after the deadline. Nothing when the deadline passes, the queue is closed, or the caller
  // cancels. The executor of a waiting pop must outlive the queue.
  virtual awaitable<std::optional<model::RunId>> pop(base::Deadline deadline) = 0;
  virtual std::size_t size() const = 0;
  virtual std::size_t capacity() const = 0;
  // Ends every waiting pop with nothing; further pops end at once.
  virtual void close() = 0;
};

std::unique_ptr<Queue> make_memory_queue(std::size_t capacity,
                                         std::shared_ptr<const base::Clock> clock);

}  // namespace mecapy::queue
