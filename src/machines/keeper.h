// The keeper: makes machines for the runs that want one, looks after them, and takes them away.
//
//   store: queued run ─▶ intend ─▶ placer.place ─▶ (its worker calls home, and claims the run) ─▶
//   end of the run ─▶ placer.destroy, until nothing is left
//
// What it does with a machine is the table of life.h; each state is written before what follows
// from it is asked for, so that another process, or this one after a restart, goes on from the
// rows. A machine is in the care of one process at a time. Runs on one io_context thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/jitter.h"
#include "clouds/placer.h"
#include "feed/feed.h"
#include "machines/life.h"
#include "store/store.h"

namespace mecapy::machines {

using boost::asio::awaitable;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Options {
  std::string keeper;       // unique to this process
  std::string home_url;     // where workers on machines reach us
  bool owns_store = false;  // no other process is on it: what others had in their care is ours
  int capacity = 4;         // machines at once, of all processes on this store
  int tries = 5;            // machines whose worker never calls home, before a run is given up
  seconds boot{900};        // until a worker must have called home
  seconds margin{300};      // a machine's life beyond the run's timeout
  seconds lease{120};       // of a run whose worker is away
  seconds care{60};         // of a machine whose keeper is silent
  milliseconds every{1'000};
  milliseconds look_every{15'000};
  milliseconds destroy_first{1'000};  // the pause before destroy() is asked again; doubles
  milliseconds destroy_longest{60'000};
  seconds call{60};  // the longest a placer may take to answer one call
  // A run that the platform failed, as the dispatcher's.
  int max_attempts = 5;
  milliseconds backoff{200};
  milliseconds backoff_max{10'000};
};

class Keeper {
 public:
  // The placers are not owned, in order of preference.
  Keeper(boost::asio::io_context& io, store::Store& store, feed::Feed& feed,
         std::vector<clouds::Placer*> placers, Options options);
  ~Keeper();

  // Starts its loop. A store that nobody looked after until now gives each run at work on a machine
  // one whole lease before it is judged.
  awaitable<Result<void>> start();
  // There may be something to do: a run was submitted or ended.
  void wake();
  // The same, and machines are looked at at once: one may be gone.
  void look_at_once();
  // Stops; machines stay as they are, for who comes next. Returns when no placer is at work for us
  // any more, or at the deadline.
  awaitable<void> drain(base::Deadline deadline);

  // Machines that are not gone, as last seen.
  const std::vector<model::Machine>& left() const { return left_; }

 private:
  struct Memory;  // of one machine, while it is in our care
  awaitable<void> loop();
  awaitable<Result<void>> round();
  awaitable<Result<void>> tend(const store::KeptMachine& kept);
  awaitable<Result<bool>> fire(const model::Machine& machine, Event event, std::string said);
  awaitable<Result<void>> release_dead();
  awaitable<Result<void>> put_back(store::Lease lease, model::Failure why);
  awaitable<Result<void>> make_wanted();
  awaitable<Result<void>> make_for(const store::WantsMachine& want);
  struct Pick;
  Pick pick(const model::Limits& limits) const;
  // What is asked of placers, beside the loop.
  void spawn(const model::MachineId& id, awaitable<void> work);
  awaitable<void> place(model::Machine machine, std::string token);
  awaitable<void> look(model::Machine machine);
  awaitable<void> destroy(model::Machine machine);
  clouds::Placer* placer_of(const model::Machine& machine) const;
  milliseconds pause_before_retry(int attempt) const;

  boost::asio::io_context& io_;
  store::Store& store_;
  feed::Feed& feed_;
  std::vector<clouds::Placer*> placers_;
  Options options_;
  std::unordered_map<model::MachineId, Memory> memory_;
  std::unordered_map<std::string, base::Deadline> refused_until_;  // by offer
  std::unordered_map<std::string, std::string> refused_why_;
  std::vector<model::Machine> left_;
  int busy_ = 0;
  bool draining_ = false;
  bool woken_ = false;
  boost::asio::steady_timer wake_timer_;
  boost::asio::steady_timer idle_timer_;
};

}  // namespace mecapy::machines
