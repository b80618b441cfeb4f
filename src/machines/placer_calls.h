// What placers are asked about the machines in our care: one thing at a time of each machine,
// beside the keeper's loop. Runs on one io_context thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "clouds/placer.h"
#include "machines/life.h"
#include "machines/offers.h"
#include "model/limits.h"
#include "model/outcome.h"
#include "store/store.h"

namespace mecapy::machines {

using boost::asio::awaitable;
using std::chrono::milliseconds;

struct CallOptions {
  std::string keeper;    // as the keeper's
  std::string home_url;  // where workers on machines reach us
  milliseconds look_every{15'000};
  milliseconds destroy_first{1'000};  // the pause before destroy() is asked again; doubles
  milliseconds destroy_longest{60'000};
  milliseconds destroy_going{5'000};  // the longest where the last answer was no refusal
  milliseconds stuck{120'000};        // from the first destroy() until the log tells of it
  std::chrono::seconds call{60};      // the longest a placer may take to answer one call
};

class PlacerCalls {
 public:
  struct Hooks {
    // A machine's placer has told what makes an event of its life.
    std::function<awaitable<Result<bool>>(const model::Machine&, Event, std::string said)> happened;
    // Why a machine that was made is not on yet, or that it is now: when that changes.
    std::function<awaitable<void>(const model::Machine&, std::string why)> waits;
    // A call is over.
    std::function<void()> done;
  };
  PlacerCalls(boost::asio::io_context& io, store::Store& store, Offers& offers, CallOptions options,
              Hooks hooks);
  ~PlacerCalls();

  // What a machine that is to be placed is made with: its token, which is known to this process
  // only, and here until then; the limits of its run.
  void bring(const model::MachineId& id, std::string token, model::Limits limits);
  bool has_token(const model::MachineId& id) const;
  bool busy(const model::MachineId& id) const;

  // Each begins a call, and ends with an event or with none.
  void place(const model::Machine& machine);
  // Unless it was looked at, or asked for, lately.
  void look(const model::Machine& machine);
  void destroy(const model::Machine& machine);
  void look_at_once();

  // What was seen of a machine that ends it, and how that is told of its run.
  struct Ending {
    std::string said;  // "" when nothing was
    model::OutcomeCode why = model::OutcomeCode::worker_lost;
  };
  Ending seen(const model::MachineId& id) const;

  // What is known of other machines than these is forgotten.
  void keep_only(const std::unordered_set<model::MachineId>& ids);
  // Returns when no call is on its way any more, or at the deadline.
  awaitable<void> drain(base::Deadline deadline);

 private:
  struct Memory;  // of one machine
  void spawn(const model::MachineId& id, awaitable<void> call);
  awaitable<void> ask_place(model::Machine machine, clouds::Order order);
  awaitable<void> ask_look(model::Machine machine);
  awaitable<void> tell_waiting(const model::Machine& machine, const clouds::Sight& sight);
  awaitable<void> ask_destroy(model::Machine machine);
  awaitable<void> tell_stuck(model::Machine machine, std::string why, bool refused);

  boost::asio::io_context& io_;
  store::Store& store_;
  Offers& offers_;
  CallOptions options_;
  Hooks hooks_;
  std::unordered_map<model::MachineId, Memory> memory_;
  int busy_ = 0;
  boost::asio::steady_timer idle_timer_;
};

}  // namespace mecapy::machines
