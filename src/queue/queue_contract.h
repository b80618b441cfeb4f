// The tests every queue must pass. An implementation gives its factory:
//   INSTANTIATE_TEST_SUITE_P(Memory, QueueContract, testing::Values(QueueFactory{...}));
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "base/test_await.h"
#include "queue/queue.h"

namespace mecapy::queue {

using base::await;
using base::await_all;

struct QueueFactory {
  std::string name;
  // An empty queue of its own for each call.
  std::function<std::shared_ptr<Queue>(std::size_t capacity, std::shared_ptr<const base::Clock>)>
      make;
  // Makes a queue look at the clock again, which the test has moved.
  std::function<void(Queue&)> poke;
};

inline std::ostream& operator<<(std::ostream& out, const QueueFactory& factory) {
  return out << factory.name;
}

class QueueContract : public testing::TestWithParam<QueueFactory> {
 protected:
  static constexpr std::size_t kCapacity = 5;

  // For pops that must find something.
  static base::Deadline soon() { return base::after(std::chrono::minutes(1)); }
  // For pops that must find nothing.
  static base::Deadline past() { return base::after(std::chrono::seconds(-1)); }

  base::TimePoint in(std::chrono::microseconds d) const { return clock_->now() + d; }
  // What is there now; nothing does not wait.
  std::optional<model::RunId> pop_now() { return await(queue_->pop(past())); }

  std::shared_ptr<base::ManualClock> clock_ =
      std::make_shared<base::ManualClock>(base::TimePoint(std::chrono::hours(1000)));
  std::shared_ptr<Queue> queue_ = GetParam().make(kCapacity, clock_);
};

}  // namespace mecapy::queue
