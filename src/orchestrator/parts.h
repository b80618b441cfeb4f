// What the orchestrator stands on.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "feed/feed.h"
#include "model/run.h"
#include "model/task.h"
#include "model/workflow_run.h"
#include "objects/objects.h"
#include "store/store.h"

namespace mecapy::orchestrator {

using boost::asio::awaitable;

// A run of a node that is to be made.
struct Draft {
  std::string user;
  model::Task task;  // with the version that runs
  model::Limits limits{};
  std::string inputs;  // JSON
  bool reuse = true;   // an earlier run may answer
  // First of all one of its own place, of this attempt or a later one (0: none is looked for); and
  // no other where that is said.
  int own_since = 0;
  bool own_only = false;
  model::NodePlace place{};
};

struct Parts {
  store::Store& store;
  objects::ObjectStore& objects;
  feed::Feed& feed;
  const base::Clock& clock;
  boost::asio::thread_pool& threads;  // for large values
  // The run, ready for the store: with its inputs in their place and where it goes, or the earlier
  // run that answers it.
  std::function<awaitable<Result<model::Run>>(Draft)> prepare;
  // A run that the store has, and that has not ended, is to be run now.
  std::function<void(const model::Run&)> submitted;
  // Stops a run of `user` wherever it is.
  std::function<awaitable<void>(std::string user, model::RunId)> cancel;
  std::function<std::optional<store::Budget>(const std::string& user)> budget;
  // Runs that the backends take at once.
  std::function<int()> capacity;
  // The store has that a run of a workflow has ended.
  std::function<void(const model::WorkflowRun&)> on_end = [](const model::WorkflowRun&) {};
};

struct Options {
  std::string claimant;    // unique to this process
  bool owns_store = true;  // nobody else takes care of runs of workflows here
  model::Limits ceilings = model::default_ceilings();
  std::int64_t inline_limit = 32 * 1024;  // bytes of a result that travels in its row
  std::size_t most_held = 256UL << 20;    // bytes of values, of all together
  std::chrono::milliseconds lease{30'000};
  std::chrono::milliseconds look_every{2'000};  // should the feed have told nothing
};

}  // namespace mecapy::orchestrator
