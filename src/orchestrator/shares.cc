#include "orchestrator/shares.h"

#include <algorithm>

namespace mecapy::orchestrator {

namespace {

// Of runs that are shorter, as many wait as run: a backend that is free has its next one at once.
// Behind longer ones, or those of which nobody knows yet, others would wait too long for that.
constexpr std::chrono::duration<double> kLong{0.5};
constexpr double kWeight = 0.2;  // of the last run in what is typical

}  // namespace

void Shares::leave(const std::string& user) {
  const auto it = users_.find(user);
  if (it != users_.end() && --it->second.workflows == 0) users_.erase(it);
}

std::size_t Shares::count(const std::string& user) const {
  const auto it = users_.find(user);
  return it == users_.end() ? 0 : it->second.workflows;
}

// Users share alike; each has at least one.
std::size_t Shares::room(const User& user) const {
  const auto capacity = static_cast<std::size_t>(std::max(capacity_(), 1));
  const bool are_short = user.typical && *user.typical <= kLong;
  const std::size_t all = are_short ? 2 * capacity : capacity;
  return std::max<std::size_t>(1, all / std::max<std::size_t>(1, users_.size()));
}

std::size_t Shares::take(const std::string& user, std::size_t own) {
  User& his = users_[user];
  const std::size_t all = room(his);
  const std::size_t share = std::max<std::size_t>(1, all / std::max<std::size_t>(1, his.workflows));
  const std::size_t taken = std::min(all - std::min(all, his.runs), share - std::min(share, own));
  his.runs += taken;
  return taken;
}

void Shares::give_back(const std::string& user, std::size_t runs) {
  User& his = users_[user];
  his.runs -= std::min(his.runs, runs);
  while (!his.waiting.empty() && his.runs < room(his)) {
    const auto waiter = his.waiting.front().lock();
    his.waiting.pop_front();
    if (!waiter) continue;
    ++his.runs;
    waiter->granted();
  }
}

void Shares::wait(const std::string& user, const std::shared_ptr<Waiter>& waiter) {
  users_[user].waiting.push_back(waiter);
}

void Shares::note(const std::string& user, std::chrono::duration<double> lasted) {
  auto& typical = users_[user].typical;
  typical = typical ? *typical + kWeight * (lasted - *typical) : lasted;
}

}  // namespace mecapy::orchestrator
