// Carries the feed between processes that share a Redis: what happens to runs here is told there.
//
//   S RUN ATTEMPT STATUS          the status of a run changed; always told
//   W RUN ATTEMPT BYTES           somebody here watches and has these bytes of the log: tell the
//                                 rest, and go on; said again every ten seconds
//   N RUN ATTEMPT BYTES           the answer: it runs, and how long its log is now
//   L RUN ATTEMPT OFFSET TEXT     log of a run that somebody elsewhere watches
//   P RUN ATTEMPT JSON            its progress
//   C RUN                         whoever runs it, stop it
//
// One channel for all, so what is told for one is told to everybody. However often somebody comes
// and goes, a log goes over it about once: a process has one question of a run on its way, keeps
// what it heard for a while, and who runs it tells piece by piece, each when Redis has taken the
// one before. What is lost on the way is found in the store a little later.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "feed/feed.h"
#include "redis/client.h"

namespace mecapy::feed {

struct RelayOptions {
  redis::Address address;
  std::string prefix = "mecapy";   // of the channel's name
  std::string origin;              // unique to this process
  std::size_t most_log = 1 << 20;  // bytes that a run's log can have; more of it is not heard
  // Stops an attempt that runs in this process; does nothing for others.
  std::function<void(const model::RunId&)> cancel{};
};

// Used on one thread, that of its executor. The feed must outlive it.
class Relay final : public Outlet {
 public:
  Relay(boost::asio::any_io_executor executor, Feed& feed, RelayOptions options);
  ~Relay() override;

  void status_changed(const model::RunId& id, const Channel::State& state) override;
  void log_added(const model::RunId& id, const Channel::State& state,
                 std::string_view text) override;
  void progress_changed(const model::RunId& id, const Channel::State& state) override;
  void watched(const model::RunId& id) override;
  void cancel(const model::RunId& id) override;

 private:
  class Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace mecapy::feed
