// The feed: what happens to runs right now, for those who watch (wait, server-sent events). It
// keeps nothing that matters: the store has the truth, and a watcher that missed something reads it
// there. Processes that share a Redis hear of each other's runs (relay.h).
//
// Used on one thread, the one of the io_context.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "model/ids.h"
#include "model/run.h"

namespace mecapy::feed {

class Outlet;

// One run as it is watched. Lives as long as somebody holds it.
class Channel {
 public:
  // `outlet` hears of what happens here; none when null.
  Channel(const boost::asio::any_io_executor& executor, model::RunId id, Outlet* outlet);

  // What is known so far. `log` is that of the current attempt, from its first byte.
  struct State {
    model::RunStatus status = model::RunStatus::queued;
    int attempt = 0;
    std::string log;
    std::string progress;       // JSON of the latest; "" when there was none
    std::uint64_t version = 0;  // raised by every change
    // Whether it runs in this process, which then has all there is.
    bool here = false;
    // What the process that runs it told of the log's length, and how often it did. What is not in
    // `log` of it is on its way.
    std::size_t log_size = 0;
    std::uint64_t answers = 0;
  };
  const State& state() const { return state_; }

  // What happens in this process. Log and progress of an attempt are taken while it is the one that
  // is `here`: the worker of one that was taken from this process may still go on.
  void set_status(model::RunStatus status, int attempt);
  void add_log(int attempt, std::string_view text);
  void set_progress(int attempt, std::string_view json);
  // `attempt` is at work here no longer, whatever has become of the run. Wakes the watchers.
  void leave(int attempt);
  // Wakes the watchers, who then read the store.
  void touch();

  // The same, told by another process, or by whoever can write to what carries it: of the attempt
  // that is `here`, and of one before the current one, nothing is taken.
  void hear_status(model::RunStatus status, int attempt);
  // `text` begins at `offset` of the log. False when what lies before it is not here.
  bool hear_log(int attempt, std::size_t offset, std::string_view text);
  void hear_log_size(int attempt, std::size_t size);
  void hear_progress(int attempt, std::string_view json);

  // Returns when state().version is not `seen` any more, or at the deadline.
  boost::asio::awaitable<void> changed(std::uint64_t seen, base::Deadline deadline);

 private:
  void take_status(model::RunStatus status, int attempt);
  bool may_hear(int attempt) const;

  boost::asio::any_io_executor executor_;
  model::RunId id_;
  Outlet* outlet_;
  State state_;
  std::unordered_map<std::uint64_t, boost::asio::steady_timer*> waiters_;
  std::uint64_t next_waiter_ = 0;
};

// Where what happens in this process is told to others (relay.h).
class Outlet {
 public:
  virtual ~Outlet() = default;
  virtual void status_changed(const model::RunId& id, const Channel::State& state) = 0;
  virtual void log_added(const model::RunId& id, const Channel::State& state,
                         std::string_view text) = 0;
  virtual void progress_changed(const model::RunId& id, const Channel::State& state) = 0;
  // Somebody here wants log and progress of a run that may be anywhere, and how long its log is
  // now: asked again when no answer is on its way.
  virtual void watched(const model::RunId& id) = 0;
  virtual void cancel(const model::RunId& id) = 0;
};

class Feed {
 public:
  explicit Feed(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  // Of channels opened from now on. It must outlive them.
  void set_outlet(Outlet* outlet) { outlet_ = outlet; }

  // The channel of `id`, made when nobody has it.
  std::shared_ptr<Channel> open(const model::RunId& id);
  // The same, for one who wants log and progress as well, wherever it runs, and may have them. Asks
  // the process that runs it: State::answers grows when it has told how long the log is.
  std::shared_ptr<Channel> watch(const model::RunId& id);
  // The channel of `id` when somebody has it.
  std::shared_ptr<Channel> find(const model::RunId& id) const;
  // Whether runs may happen in other processes that can be heard.
  bool is_shared() const { return outlet_ != nullptr; }
  // Stops `id` when it runs in another process.
  void cancel_elsewhere(const model::RunId& id);

 private:
  boost::asio::any_io_executor executor_;
  Outlet* outlet_ = nullptr;
  std::unordered_map<model::RunId, std::weak_ptr<Channel>> channels_;
  std::size_t sweep_at_ = 64;
};

}  // namespace mecapy::feed
