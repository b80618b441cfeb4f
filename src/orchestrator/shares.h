// How many runs each workflow may have at once: so many that the backends are busy, and no user
// waits long behind another's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>

namespace mecapy::orchestrator {

class Shares {
 public:
  void enter(const std::string& user) { ++workflows_[user]; }
  void leave(const std::string& user) {
    const auto it = workflows_.find(user);
    if (it != workflows_.end() && --it->second == 0) workflows_.erase(it);
  }
  // His that run.
  std::size_t count(const std::string& user) const {
    const auto it = workflows_.find(user);
    return it == workflows_.end() ? 0 : it->second;
  }
  // Of `room`, which users share alike, and of a user's share his workflows; at least one.
  std::size_t of(const std::string& user, std::size_t room) const {
    const auto it = workflows_.find(user);
    if (it == workflows_.end()) return 1;
    return std::max<std::size_t>(1, room / workflows_.size() / it->second);
  }

 private:
  std::map<std::string, std::size_t> workflows_;  // that run, by user
};

}  // namespace mecapy::orchestrator
