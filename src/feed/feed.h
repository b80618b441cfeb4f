// The feed: what happens to runs right now, for those who watch (wait, server-sent events). It
// keeps nothing that matters: the store has the truth, and a watcher that missed something reads it
// there.
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

// One run as it is watched. Lives as long as somebody holds it.
class Channel {
 public:
  explicit Channel(const boost::asio::any_io_executor& executor);

  // What is known so far. `log` is that of the current attempt, from its first byte.
  struct State {
    model::RunStatus status = model::RunStatus::queued;
    int attempt = 0;
    std::string log;
    std::string progress;       // JSON of the latest; "" when there was none
    std::uint64_t version = 0;  // raised by every change
  };
  const State& state() const { return state_; }

  void set_status(model::RunStatus status, int attempt);
  void add_log(std::string_view text);
  void set_progress(std::string_view json);
  // Wakes the watchers, who then read the store.
  void touch();

  // Returns when state().version is not `seen` any more, or at the deadline.
  boost::asio::awaitable<void> changed(std::uint64_t seen, base::Deadline deadline);

 private:
  boost::asio::any_io_executor executor_;
  State state_;
  std::unordered_map<std::uint64_t, boost::asio::steady_timer*> waiters_;
  std::uint64_t next_waiter_ = 0;
};

class Feed {
 public:
  explicit Feed(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  // The channel of `id`, made when nobody has it.
  std::shared_ptr<Channel> open(const model::RunId& id);
  // The channel of `id` when somebody has it.
  std::shared_ptr<Channel> find(const model::RunId& id) const;

 private:
  boost::asio::any_io_executor executor_;
  std::unordered_map<model::RunId, std::weak_ptr<Channel>> channels_;
  std::size_t sweep_at_ = 64;
};

}  // namespace mecapy::feed
