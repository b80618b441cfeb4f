// One run of a workflow, conducted: what its engine asks for is done, and what happens is told to
// the engine.
//
//   events ─▶ Plan::step ─▶ state + actions ─▶ runs prepared ─▶ one transaction: state, runs
//     ▲                                                             │
//     └── ends of runs (feed, store) · nodes read · cancel ◀────────┘ then: queued, cancelled, told
//
// What is known is in the store after each step; whoever loads it goes on from there.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "orchestrator/held.h"
#include "orchestrator/parts.h"
#include "orchestrator/room.h"
#include "orchestrator/run_maker.h"
#include "orchestrator/shares.h"
#include "orchestrator/values.h"
#include "workflow/engine.h"

namespace mecapy::orchestrator {

class Conduct : public std::enable_shared_from_this<Conduct> {
 public:
  // The others outlive what it does, though not it: what is suspended ends with the loop.
  Conduct(boost::asio::io_context& io, const Parts& parts, const Options& options,
          std::shared_ptr<Shares> shares, std::shared_ptr<Held> held, model::WorkflowRunId id);

  // Until the run of the workflow has ended, is in another's care, or stop() was called. Errors are
  // those of the store and the objects: what is known is there, and may be taken up again.
  awaitable<Result<void>> play();
  // There may be something new in the store: a cancel.
  void wake();
  // The store has the end of that run, which may be one of these.
  void run_ended(const model::RunId& id);
  void stop();

 private:
  struct Place {
    std::size_t node;
    std::size_t element;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  struct Step;
  // A run that has begun and not ended.
  struct Open {
    Place place;
    Room::Begun room;
  };

  awaitable<Result<void>> load();
  awaitable<Result<void>> take_up();
  awaitable<Result<void>> find_open(std::size_t node);
  awaitable<Result<void>> read_nodes();
  awaitable<Result<workflow::Event>> read(std::size_t node);
  awaitable<Result<void>> advance();
  awaitable<Result<void>> fill(Step& step);
  awaitable<Result<void>> try_again(Step& step);
  void note_changes(Step& step);
  awaitable<Result<void>> act(Step& step, const workflow::Action& action);
  awaitable<Result<void>> begin(Step& step, Place place);
  awaitable<Result<void>> finish(Step& step);
  awaitable<Result<bool>> write(Step& step);
  awaitable<void> follow_up(const Step& step, std::vector<model::Run> begun);
  awaitable<void> cancel_open();
  awaitable<Result<void>> look();
  void hear(store::NodeRunEnd end);
  void give_up(Place place, model::NodeError why);
  void watch(const model::RunId& id);
  awaitable<void> wait();
  bool wants_runs() const;
  void tell();

  boost::asio::io_context& io_;
  const Parts& parts_;
  const Options& options_;
  std::shared_ptr<Shares> shares_;  // until there is room_
  std::shared_ptr<Held> held_;
  model::WorkflowRunId id_;

  model::WorkflowRun run_;  // as the store has it
  model::Workflow definition_;
  std::optional<workflow::Plan> plan_;
  std::unique_ptr<Values> values_;
  std::optional<RunMaker> maker_;
  std::vector<std::size_t> lists_;  // nodes that have one

  std::deque<workflow::Event> events_;
  std::set<std::size_t> to_read_;              // nodes
  std::map<Place, model::NodeError> again_{};  // whose run failed so, and is tried again
  std::map<Place, model::NodeError> errors_;   // of what has failed, until it is written
  std::map<Place, Error> refused_;             // no run can be made of these
  std::set<Place> uncached_;                   // no earlier run answers, whatever the cache says
  std::unordered_map<model::RunId, Open> open_;
  std::vector<model::RunId> ended_;  // as the feed told
  std::shared_ptr<feed::Channel> channel_;
  boost::asio::steady_timer timer_;
  std::chrono::steady_clock::time_point looked_at_{};  // whether a cancel was asked for
  bool woken_ = false;
  bool stopped_ = false;
  std::optional<Room> room_;  // last: it uses the timer
};

}  // namespace mecapy::orchestrator
