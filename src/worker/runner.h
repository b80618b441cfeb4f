// The runner: one attempt through the sandbox, from job to recorded evidence. It fetches inputs,
// feeds the job, reads what comes back (all of it hostile) within bounds, keeps artifacts, large
// results and logs as objects, and makes the one model::RunEnd.
//
// Runs on one io_context thread; large bytes are looked at on the pool's.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "model/run.h"
#include "objects/objects.h"
#include "sandbox/channel.h"
#include "sandbox/sandbox.h"
#include "worker/code_kinds.h"

namespace mecapy::worker {

using boost::asio::awaitable;

// Told what happens, while it happens.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void started() = 0;
  virtual void log(std::string_view text) = 0;
  virtual void progress(std::string_view json) = 0;
  // It saved a state, which is an object now.
  virtual void checkpoint(const model::Checkpoint&) {}
  // It begins without the checkpoint it was given, which cannot be used.
  virtual void anew() {}
};

struct RunnerOptions {
  std::int64_t inline_limit = 32 * 1024;  // results and logs above it become objects, bytes
  // Larger ones are not started: for a single run, which would be over before they are ready.
  sandbox::ZygoteKind largest_zygote = sandbox::ZygoteKind::matplotlib;
  std::size_t max_waiting = 64;  // runs waiting for a slot
  std::size_t max_waiting_checks = 8;
  std::int64_t inputs_limit = 16 * 1024 * 1024;  // of inputs that are an object, bytes
  double gpus = 0;                               // graphics processors that runs may use
  std::string environment{};                     // told of each run; see environment.h
};

// One attempt to run.
struct Attempt {
  std::string run_id;
  int number = 1;
  sandbox::JobKind kind = sandbox::JobKind::calculate;
  std::string code;
  model::Payload inputs;
  model::Limits limits;
  std::optional<model::Checkpoint> checkpoint{};  // that an attempt before saved
  bool keeps_checkpoints = false;                 // whether somebody takes care of what it saves
  bool inline_allowed = true;  // false: the seed's traffic, the result is always an object
  // By the runner:
  sandbox::ZygoteKind zygote = sandbox::ZygoteKind::bare;
  std::string state{};  // the checkpoint's bytes
  std::string note{};   // with which the log begins
};

// A look at `code`: parsed, not run.
Attempt check_of(std::string code);

class Runner {
 public:
  // `on_lost` is called when the sandbox's supervisor has died: nothing can run any more.
  Runner(boost::asio::io_context& io, boost::asio::thread_pool& threads,
         std::unique_ptr<sandbox::Sandbox> sandbox, objects::ObjectStore& objects,
         RunnerOptions options, std::function<void()> on_lost);
  ~Runner();

  // A stop request for an attempt; may come before, during or after it.
  struct Stop {
    bool requested = false;
    std::function<void()> hook;
    void request() {
      requested = true;
      if (hook) hook();
    }
  };

  // Runs it to its end; every failure is in the RunEnd. `sink` and `stop` must outlive the call.
  awaitable<model::RunEnd> run(Attempt attempt, Sink& sink, Stop& stop);

  // The worker shuts down: a run that a signal ends from now on is lost, not crashed.
  void drain() { draining_ = true; }

  // Attempts in the sandbox, and waiting for a slot.
  std::size_t running() const { return live_.size(); }
  std::size_t waiting() const { return waiting_.size(); }
  const std::string& environment() const { return options_.environment; }
  // Bytes that zygotes, and beside them waiting sandboxes, hold: as last heard, at most some
  // seconds ago.
  std::int64_t zygote_memory() const { return zygote_memory_; }
  std::int64_t spare_memory() const { return spare_memory_; }

 private:
  struct Live;
  using Line = std::deque<boost::asio::steady_timer*>;
  awaitable<Result<std::string>> fetch_inputs(std::string key);
  // Reads what the attempt is to begin with. Of what cannot be used `sink` is told.
  awaitable<Result<void>> fetch_checkpoint(Attempt& attempt, Sink& sink);
  // Who is asked to stop leaves the line.
  awaitable<Result<void>> acquire_slot(sandbox::JobKind kind, Stop& stop);
  void release_slot(sandbox::JobKind kind);
  // Whether a check may take a slot now: one at a time, and never before a run that waits.
  bool check_may_start() const { return checking_ == 0 && free_slots_ > 0 && waiting_.empty(); }
  awaitable<void> pump_events();
  awaitable<void> watch_supervisor();
  // The zygote that suits the attempt. May take a look at its code first, in the slot it has.
  awaitable<sandbox::ZygoteKind> choose_zygote(const Attempt& attempt, Stop& stop);
  awaitable<model::RunEnd> run_in_slot(Attempt& attempt, Sink& sink, Stop& stop);
  awaitable<bool> ended_by_shutdown(const sandbox::Evidence& evidence);

  boost::asio::io_context& io_;
  boost::asio::thread_pool& threads_;
  std::unique_ptr<sandbox::Sandbox> sandbox_;
  objects::ObjectStore& objects_;
  RunnerOptions options_;
  std::function<void()> on_lost_;
  boost::asio::posix::stream_descriptor events_;
  boost::asio::steady_timer pulse_;
  std::unordered_map<std::uint64_t, Live*> live_;
  Line waiting_;         // runs
  Line waiting_checks_;  // served only when no run waits
  int free_slots_;
  int checking_ = 0;
  std::uint64_t next_run_ = 1;
  int unanswered_pings_ = 0;
  bool draining_ = false;
  std::int64_t zygote_memory_ = 0;
  std::int64_t spare_memory_ = 0;
  CodeKinds kinds_;
};

}  // namespace mecapy::worker
