// What one workflow run has of its user's share: the runs that have begun, and those that may.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "model/run.h"
#include "orchestrator/shares.h"

namespace mecapy::orchestrator {

// Runs on machines of their own count in no share; there are kMostElsewhere of them at most.
class Room {
 public:
  static constexpr std::size_t kMostElsewhere = 100;

  // `granted` is told that a run may begin that was waited for.
  Room(std::shared_ptr<Shares> shares, std::string user, std::function<void()> granted);
  // Gives all of it back.
  ~Room();
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  // Runs that may begin now, as many more as there is room for.
  void take();
  // Those that were not begun.
  void give_back();
  std::size_t granted() const { return granted_; }
  // Runs that have begun, and those that may.
  std::size_t width() const { return counted_ + elsewhere_ + granted_; }
  // For one run, where it has none: until then, or stop_waiting().
  void wait();
  void stop_waiting() { waiter_.reset(); }

  struct Begun {
    bool counts;
    std::chrono::steady_clock::time_point since;
  };
  Begun begun(const model::Run& run);
  void ended(const Begun& run);

 private:
  std::shared_ptr<Shares> shares_;
  std::string user_;
  std::function<void()> on_granted_;
  std::size_t counted_ = 0;
  std::size_t elsewhere_ = 0;
  std::size_t granted_ = 0;  // counts in the share
  std::shared_ptr<Shares::Waiter> waiter_{};
};

}  // namespace mecapy::orchestrator
