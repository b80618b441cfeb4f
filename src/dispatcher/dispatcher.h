// The dispatcher: takes run ids from the queue, claims them in the store, has a backend run them,
// and records the one end.
//
//   queue.pop ─▶ store.claim ─▶ backend.execute ─▶ store.record_end          (completed, failed,
//   cancelled)
//                                    │ platform fault, attempts left
//                                    └──────▶ store.requeue ─▶ queue.push(later)   (retry/retry.h)
//   heartbeat: extends the leases of what runs here; stops what was cancelled or taken away.
//   reconcile: puts back what a dead process held; queues what the store has and the queue has not.
//
// A run whose last attempt the platform failed is dead-lettered. Runs on one io_context thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "dispatcher/report.h"
#include "feed/feed.h"
#include "model/run.h"
#include "queue/queue.h"
#include "retry/retry.h"
#include "router/router.h"
#include "store/store.h"

namespace mecapy::dispatcher {

using boost::asio::awaitable;

struct Options {
  std::string claimant;  // unique to this process
  retry::Policy retry{};
  std::chrono::milliseconds lease{30'000};
  std::chrono::milliseconds reconcile_every{5'000};
  // The longest run of the backends here, where longer ones can be moved to a machine of their own;
  // 0: none can.
  double longest_s = 0;
  double longest_cpu_s = 0;  // the same of CPU time
  bool owns_store =
      true;  // nobody else claims in this store: what others hold at the start is dead
};

struct Parts {
  store::Store& store;
  queue::Queue& queue;
  router::Router& router;
  feed::Feed& feed;
  // Told of each attempt that is over, on the loop's thread.
  std::function<void(const AttemptReport&)> on_attempt{};
  // The end of a run can be read in the store, though it is not told yet: the disk may lack it. Not
  // called by every store.
  std::function<void(const model::RunId&)> on_end_written = [](const model::RunId&) {};
  // A run wants a machine of its own.
  std::function<void()> on_move = [] {};
  // Nobody needs the object of that key any more.
  std::function<void(std::string)> forget = [](const std::string&) {};
};

class Dispatcher {
 public:
  Dispatcher(boost::asio::io_context& io, Parts parts, Options options);
  ~Dispatcher();

  // Puts back what a dead process held and fills the queue; then starts the loops.
  awaitable<Result<void>> start();
  // Stops the attempt of `id` when it runs here.
  void cancel(const model::RunId& id);
  // Takes no new runs; returns when none runs here any more. Those that run at the deadline are put
  // back into the queue for the next process.
  awaitable<void> drain(base::Deadline deadline);
  std::size_t running() const;

 private:
  struct Active;
  void spawn_loop(awaitable<void> loop);
  awaitable<void> idle(base::Deadline deadline);
  awaitable<void> pump();
  awaitable<void> heartbeat();
  awaitable<void> reconcile_loop();
  awaitable<Result<void>> release_dead(std::optional<std::string> also_not_of);
  awaitable<Result<void>> fill_queue();
  awaitable<void> run_one(model::RunId id);
  awaitable<void> attempt(model::Job job, AttemptReport report);
  // What the backend makes of it; what it throws becomes an end, too.
  awaitable<model::RunEnd> execute(backends::Backend& backend, const model::Job& job,
                                   Active& active);
  bool shorten(model::Job& job) const;
  // Writes down what the attempt has saved, one after the other; returns when nothing is left.
  awaitable<void> keep_saved(std::shared_ptr<Active> active);
  void saved(const std::shared_ptr<Active>& active);
  awaitable<void> move(store::Lease lease, double longest_s, AttemptReport& report);
  awaitable<void> finish(model::Job job, model::RunEnd end, std::shared_ptr<Active> active,
                         AttemptReport report);
  awaitable<void> conclude(store::Lease lease, model::RunEnd end, Active& active,
                           AttemptReport& report);
  awaitable<void> put_back(store::Lease lease, model::Failure failure,
                           std::chrono::milliseconds pause, AttemptReport& report);
  awaitable<void> record(store::Lease lease, model::RunEnd end, AttemptReport& report);
  awaitable<Result<retry::Became>> write_end(store::Lease lease, model::RunEnd end);
  awaitable<Result<void>> release(store::Lease lease, bool at_start);
  void tell(const AttemptReport& report) const;
  void slot_freed();
  awaitable<void> pause(std::chrono::milliseconds d);

  boost::asio::io_context& io_;
  Parts parts_;
  Options options_;
  retry::Retry retry_;
  std::unordered_map<model::RunId, std::shared_ptr<Active>> active_;
  int busy_ = 0;   // attempts, from pop to recorded end
  int loops_ = 0;  // pump, heartbeat, reconcile
  bool draining_ = false;
  boost::asio::steady_timer slot_timer_;
  boost::asio::steady_timer stop_timer_;
  boost::asio::steady_timer heartbeat_timer_;
};

}  // namespace mecapy::dispatcher
