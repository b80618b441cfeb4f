// The tests every queue must pass. An implementation gives its factory:
//   INSTANTIATE_TEST_SUITE_P(Memory, QueueContract, testing::Values(QueueFactory{...}));
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <thread>

#include "base/test_await.h"
#include "queue/queue.h"

namespace mecapy::queue {

using base::await;
using base::await_all;

struct QueueUnderTest {
  std::shared_ptr<Queue> queue;
  // Moves the queue's clock on for the runs that wait, and makes it look.
  std::function<void(std::chrono::microseconds)> advance;
};

struct QueueFactory {
  std::string name;
  // An empty queue of its own for each call.
  std::function<QueueUnderTest(std::size_t capacity)> make;
  // How long a pop waits that is to find what is there now: a queue elsewhere must be asked.
  std::chrono::milliseconds look{-1};
};

inline std::ostream& operator<<(std::ostream& out, const QueueFactory& factory) {
  return out << factory.name;
}

class QueueContract : public testing::TestWithParam<QueueFactory> {
 protected:
  static constexpr std::size_t kCapacity = 5;

  // For pops that must find something.
  static base::Deadline soon() { return base::after(std::chrono::minutes(1)); }

  // What is there now; nothing waits no longer than a look takes. It is done at once.
  std::optional<model::RunId> pop_now() {
    auto id = await(queue_->pop(base::after(GetParam().look)));
    if (id) queue_->done(*id);
    return id;
  }
  // Whether so many wait, once what was pushed has arrived.
  bool comes_to(std::size_t size) {
    const base::Deadline deadline = base::after(std::chrono::seconds(10));
    while (queue_->size() != size) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }
  void advance(std::chrono::microseconds d) { made_.advance(d); }

  static constexpr std::chrono::microseconds kNow{0};
  QueueUnderTest made_ = GetParam().make(kCapacity);
  std::shared_ptr<Queue> queue_ = made_.queue;
};

}  // namespace mecapy::queue
