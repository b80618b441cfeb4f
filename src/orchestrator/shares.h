// How many runs the workflows of each user may have at once: so many that the backends are busy,
// and no user waits long behind another's. Used on one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace mecapy::orchestrator {

class Shares {
 public:
  // A workflow that has no run and wants one. Hears once that one may begin, which counts from then
  // on; not when it is gone.
  struct Waiter {
    std::function<void()> granted;
  };

  // `capacity`: runs that the backends take at once.
  explicit Shares(std::function<int()> capacity) : capacity_(std::move(capacity)) {}

  // A workflow of the user begins, or has ended.
  void enter(const std::string& user) { ++users_[user].workflows; }
  void leave(const std::string& user);
  // His workflows.
  std::size_t count(const std::string& user) const;

  // How many runs more a workflow may begin that has `own`. They count until they are given back.
  std::size_t take(const std::string& user, std::size_t own);
  // Runs that are there already, whether there is room or not.
  void hold(const std::string& user, std::size_t runs) { users_[user].runs += runs; }
  // Who waits longest gets one first.
  void give_back(const std::string& user, std::size_t runs);
  void wait(const std::string& user, const std::shared_ptr<Waiter>& waiter);
  // A run ended so long after it was begun.
  void note(const std::string& user, std::chrono::duration<double> lasted);

 private:
  struct User {
    std::size_t workflows = 0;
    std::size_t runs = 0;
    // Of a run, the last ones counting most; nothing until the first has ended.
    std::optional<std::chrono::duration<double>> typical{};
    std::deque<std::weak_ptr<Waiter>> waiting{};
  };
  std::size_t room(const User& user) const;

  std::function<int()> capacity_;
  std::map<std::string, User> users_;
};

}  // namespace mecapy::orchestrator
