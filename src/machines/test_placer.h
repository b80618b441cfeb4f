// A placer that does as a test says.
#pragma once

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "clouds/placer.h"

namespace mecapy::machines {

using boost::asio::awaitable;

// Makes machines that are nothing but their names, as a test says.
class ScriptedPlacer final : public clouds::Placer {
 public:
  ScriptedPlacer(std::string name, std::vector<clouds::Offer> offers)
      : has(std::move(offers)), name_(std::move(name)) {}
  std::string_view name() const override { return name_; }
  const std::vector<clouds::Offer>& offers() const override { return has; }
  std::chrono::seconds queue() const override { return in_queue; }
  awaitable<clouds::Answer<clouds::Done>> place(clouds::Order order, clouds::Save save,
                                                base::Deadline) override {
    orders.push_back(order);
    there.insert(order.machine);
    if (!co_await save("parts of " + order.machine)) {
      co_return clouds::Refusal{clouds::Trouble::passing, "not saved"};
    }
    if (on_place) co_await on_place(order);
    while (waits_until_overtaken && !order.overtaken()) {
      co_await boost::asio::post(co_await boost::asio::this_coro::executor,
                                 boost::asio::use_awaitable);
    }
    if (!refusals.empty()) {
      const auto refusal = refusals.front();
      refusals.pop_front();
      if (refusal) co_return *refusal;
    }
    co_return clouds::Done{};
  }
  awaitable<clouds::Answer<clouds::Sight>> look(std::string machine, std::string,
                                                base::Deadline) override {
    if (lost.contains(machine)) co_return clouds::Sight{clouds::Phase::over, "TIMEOUT", why};
    ++looks;
    if (!pending.empty()) co_return clouds::Sight{clouds::Phase::making, pending, {}};
    co_return clouds::Sight{clouds::Phase::running, "running", {}};
  }
  awaitable<clouds::Answer<bool>> destroy(std::string machine, std::string parts,
                                          base::Deadline) override {
    destroyed_with[machine] = parts;
    if (deaf > 0 && deaf-- > 0) co_return clouds::Refusal{clouds::Trouble::passing, "busy"};
    if (steps > 0 && steps-- > 0) co_return false;
    there.erase(machine);
    co_return true;
  }
  awaitable<clouds::Answer<std::vector<clouds::Found>>> list(base::Deadline) override {
    ++listed;
    if (on_list) co_await on_list();
    if (list_refusal) co_return *list_refusal;
    co_return parts;
  }
  awaitable<clouds::Answer<bool>> remove(clouds::Found part, base::Deadline) override {
    removals.push_back(part.id);
    if (on_remove) co_await on_remove();
    if (const auto stuck = stuck_parts.find(part.id); stuck != stuck_parts.end()) {
      co_return stuck->second;
    }
    if (steps_to_remove > 1) {
      --steps_to_remove;
      co_return false;
    }
    std::erase_if(parts, [&](const clouds::Found& p) { return p.id == part.id; });
    co_return true;
  }

  std::vector<clouds::Order> orders;
  std::set<std::string> there;
  std::set<std::string> lost;
  std::optional<model::OutcomeCode> why;
  std::string pending;  // why no machine is on yet; "" when each is
  int looks = 0;
  std::deque<std::optional<clouds::Refusal>> refusals;
  std::map<std::string, std::string> destroyed_with;
  std::function<awaitable<void>(const clouds::Order&)> on_place;
  bool waits_until_overtaken = false;  // place(), as if the cloud did not say that it is on
  int deaf = 0;
  int steps = 0;  // that a removal takes, with an answer of "not yet" to each
  std::chrono::seconds in_queue{0};
  std::vector<clouds::Offer> has;
  // What list() tells, and what became of it.
  std::vector<clouds::Found> parts;
  std::optional<clouds::Refusal> list_refusal;
  std::function<awaitable<void>()> on_list;
  std::function<awaitable<void>()> on_remove;
  std::map<std::string, clouds::Refusal> stuck_parts;
  std::vector<std::string> removals;
  int steps_to_remove = 1;
  int listed = 0;

 private:
  std::string name_;
};

}  // namespace mecapy::machines
