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
#include <string>
#include <unordered_map>
#include <vector>

#include "clouds/placer.h"
#include "feed/feed.h"
#include "machines/life.h"
#include "machines/offers.h"
#include "machines/placer_calls.h"
#include "retry/retry.h"
#include "store/store.h"

namespace mecapy::machines {

using boost::asio::awaitable;
using std::chrono::milliseconds;
using std::chrono::seconds;

// What settings decide, which have the defaults.
struct Terms {
  int capacity;   // machines at once, of all processes on this store
  int tries;      // machines whose worker never calls home, before a run is given up
  seconds boot;   // until a worker must have called home
  seconds lease;  // of a run whose worker is away
  seconds care;   // of a machine whose keeper is silent
};

struct Options {
  explicit Options(Terms t) : terms(t) {}

  Terms terms;
  std::string keeper{};      // unique to this process
  std::string home_url{};    // where workers on machines reach us
  bool owns_store = false;   // no other process is on it: what others had in their care is ours
  milliseconds rest{2'000};  // of a run whose machine never called home; doubles with each
  milliseconds rest_longest{30'000};
  seconds margin{300};  // a machine's life beyond the run's timeout
  milliseconds every{1'000};
  milliseconds idle{5'000};  // the same, when there is no machine and no run that wants one
  CallOptions calls{};       // its names of keeper and home are these
  retry::Policy retry{};
};

class Keeper {
 public:
  // The placers are not owned, in order of preference. Without any, what there is is looked after
  // all the same, and ends; what nobody here can remove stays `ending`, and says so.
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
  // Runs that wait for one.
  std::size_t wanted() const { return wanted_; }
  const std::vector<Offers::Placings>& placings() const { return offers_.placings(); }

 private:
  static CallOptions call_options(const Options& options);
  awaitable<Result<void>> look_first();
  awaitable<void> loop();
  awaitable<Result<void>> round();
  awaitable<Result<void>> tend_all();
  awaitable<Result<void>> tend(const store::KeptMachine& kept);
  bool holds(const store::KeptMachine& kept, Event event) const;
  std::string said_of(const store::KeptMachine& kept, Event event) const;
  awaitable<Result<bool>> fire(const model::Machine& machine, Event event, std::string said);
  awaitable<Result<void>> release_dead();
  awaitable<Result<void>> settle(store::Lease lease, model::OutcomeCode code, std::string why);
  awaitable<Result<void>> tell_unserved();
  awaitable<Result<void>> make_wanted();
  awaitable<Result<void>> tell_waiting(model::RunId run, std::string why);
  awaitable<Result<void>> make_for(const store::WantsMachine& want);
  awaitable<Result<void>> give_up(const store::WantsMachine& want, std::string said);
  bool rests(const store::WantsMachine& want);
  awaitable<Result<void>> intend(const store::WantsMachine& want, const clouds::Placer& placer,
                                 const clouds::Offer& offer);

  boost::asio::io_context& io_;
  store::Store& store_;
  feed::Feed& feed_;
  Options options_;
  retry::Retry retry_;
  Offers offers_;
  PlacerCalls calls_;
  std::vector<model::Machine> left_;
  std::size_t wanted_ = 0;  // runs that wanted a machine, when last looked
  struct Rest {
    int tried = 0;  // machines, when it began
    base::Deadline until{};
  };
  std::unordered_map<model::RunId, Rest> rests_;  // of the runs that want one
  base::Deadline started_{};
  bool looping_ = false;
  bool draining_ = false;
  bool woken_ = false;
  boost::asio::steady_timer wake_timer_;
  boost::asio::steady_timer idle_timer_;
};

}  // namespace mecapy::machines
