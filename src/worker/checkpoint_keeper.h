// Keeps what an attempt saves as objects, one after the other, while the bytes arrive.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "base/sha256.h"
#include "model/run.h"
#include "objects/objects.h"
#include "sandbox/channel.h"
#include "worker/runner.h"

namespace mecapy::worker {

// Whoever saves too often is made to wait: in the long run a checkpoint is taken up in a second,
// and 8 MiB of them. One that cannot be kept is told to the log of the worker and forgotten; the
// one before is still there, and the run goes on.
class CheckpointKeeper {
 public:
  // `objects` and `sink`, which hears of each that is kept, must outlive it. Of an attempt that
  // keeps no checkpoints nothing is kept.
  CheckpointKeeper(boost::asio::io_context& io, objects::ObjectStore& objects,
                   const Attempt& attempt, Sink& sink);
  // Takes a checkpoint frame.
  awaitable<void> accept(const sandbox::Frame& frame);
  // The run is over: nobody is made to wait any more.
  void hurry();

 private:
  awaitable<void> begin();
  awaitable<void> wait();
  void give_up(const Error& error);

  objects::ObjectStore& objects_;
  Sink& sink_;
  std::string run_id_;
  bool keeps_;
  bool over_ = false;
  boost::asio::steady_timer turn_;
  std::chrono::steady_clock::time_point spent_until_;  // each one that is taken moves this on
  model::Checkpoint open_;
  std::unique_ptr<objects::Writer> writer_;  // null while nothing is kept
  base::Sha256 digest_;
};

}  // namespace mecapy::worker
