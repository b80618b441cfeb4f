// The reaper: compares what placers say is ours with the machines there are, at the start and every
// few minutes, and removes what no live machine owns.
//
//   placer.list() ─▶ the machines' rows, read after it ─▶ placer.remove(), until it is gone
//
// A machine's row is written before its placer is asked for anything. So a part that was told, and
// whose machine is not in rows that were read later, is being made by nobody of this installation.
// Parts are given some grace all the same: a database may have been restored to an earlier state.
// Of each placer one process at a time does this: by a lease, renewed before each part is removed;
// who has lost it stops. What cannot be removed is in the store (store::Leftover), with the
// placer's words: 1000 parts of a placer at most, and the log says how many more there are. One
// comparison tries 1000: those that nobody has tried yet, then, in turns, those that did not go; so
// what is stuck hides nothing. Runs on one io_context thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "clouds/placer.h"
#include "store/store.h"

namespace mecapy::machines {

using boost::asio::awaitable;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct ReaperOptions {
  std::string keeper;  // unique to this process
  milliseconds every{300'000};
  seconds grace{600};          // a part that is younger is left alone
  seconds call{60};            // the longest a placer may take to answer one call
  milliseconds pass{240'000};  // and the longest one comparison goes on
  milliseconds first{1'000};   // before a part that is not gone yet is asked for again; doubles
  milliseconds longest{30'000};
  milliseconds ask_again{30'000};  // when another process is at it, or the store is away
};

class Reaper {
 public:
  struct Ward {
    clouds::Placer* placer;  // not owned
    std::string name;        // of what it lists: the placer's, where all processes see the same
  };
  Reaper(boost::asio::io_context& io, store::Store& store, std::vector<Ward> wards,
         std::shared_ptr<const base::Clock> clock, ReaperOptions options);
  ~Reaper();

  void start();
  // Stops. Returns when no placer is asked anything any more, or at the deadline.
  awaitable<void> drain(base::Deadline deadline);

  // As last read of the store, whichever process did it.
  const std::vector<store::Leftover>& leftovers() const { return leftovers_; }
  const std::vector<store::Reaping>& reapings() const { return reapings_; }
  // By this process, since its start.
  struct Removed {
    std::string ward;
    std::uint64_t parts = 0;
  };
  std::vector<Removed> removed() const;

 private:
  struct Watch;   // of one ward
  struct Orphan;  // a part that no live machine owns
  using Orphans = std::list<Orphan>;
  awaitable<void> loop(Watch& watch);
  awaitable<Result<bool>> round(Watch& watch);
  awaitable<Result<void>> compare(Watch& watch);
  std::vector<clouds::Found> ownerless(Watch& watch, std::vector<clouds::Found> parts,
                                       const std::unordered_set<std::string>& live);
  static Orphans in_turn(Watch& watch, std::vector<clouds::Found> parts,
                         const std::vector<store::Leftover>& known);
  std::chrono::microseconds lease() const;
  awaitable<Result<bool>> still_ours(const Watch& watch);
  awaitable<Result<bool>> remove_all(Watch& watch, Orphans& orphans);
  awaitable<bool> remove_one(Watch& watch, Orphan& orphan);
  awaitable<Result<void>> report(Watch& watch, Orphans orphans);
  awaitable<void> refresh();
  awaitable<void> pause(Watch& watch, milliseconds length);

  boost::asio::io_context& io_;
  store::Store& store_;
  std::shared_ptr<const base::Clock> clock_;
  ReaperOptions options_;
  std::vector<std::unique_ptr<Watch>> watches_;
  std::vector<store::Leftover> leftovers_;
  std::vector<store::Reaping> reapings_;
  int busy_ = 0;
  bool draining_ = false;
  boost::asio::steady_timer idle_timer_;
};

}  // namespace mecapy::machines
