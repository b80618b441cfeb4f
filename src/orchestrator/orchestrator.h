// The orchestrator: conducts the runs of workflows that are in this process's care, and takes up
// those that nobody takes care of any more. Runs on one io_context thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <memory>
#include <unordered_map>

#include "orchestrator/conduct.h"
#include "orchestrator/parts.h"

namespace mecapy::orchestrator {

class Orchestrator {
 public:
  Orchestrator(boost::asio::io_context& io, Parts parts, Options options);

  // Takes up what was left, and starts its loop.
  awaitable<Result<void>> start();
  // As a run of a workflow is begun or resumed here: whose care it is in.
  store::Care care() const { return {options_.claimant, options_.lease}; }
  // The store has one that is in this process's care.
  void begun(const model::WorkflowRunId& id);
  // A cancel was asked for. Nothing when it is not conducted here.
  void wake(const model::WorkflowRunId& id);
  // The store has the end of a run: what it is of goes on, before the feed tells.
  void run_ended(const model::RunId& id);
  // Stops, and leaves all to who comes next. Returns when nothing of ours is at work any more, or
  // at the deadline.
  awaitable<void> drain(base::Deadline deadline);
  std::size_t conducted() const { return conducts_.size(); }
  std::size_t conducted_of(const std::string& user) const { return shares_->count(user); }
  const Held& held() const { return *held_; }

 private:
  awaitable<void> loop();
  awaitable<Result<void>> take();
  awaitable<void> conduct(model::WorkflowRunId id);

  boost::asio::io_context& io_;
  Parts parts_;
  Options options_;
  std::shared_ptr<Shares> shares_;
  std::shared_ptr<Held> held_;
  struct Conducted {
    std::shared_ptr<Conduct> conduct{};  // none in a pause
    bool again = false;                  // it was resumed meanwhile
  };
  std::unordered_map<model::WorkflowRunId, Conducted> conducts_;
  boost::asio::steady_timer tick_;
  boost::asio::steady_timer idle_;
  bool first_ = true;
  bool looping_ = false;
  bool draining_ = false;
};

}  // namespace mecapy::orchestrator
