// One attempt that the dispatcher has running.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "backends/backend.h"
#include "dispatcher/dispatcher.h"
#include "feed/feed.h"
#include "model/run.h"

namespace mecapy::dispatcher {

inline constexpr std::size_t kMostUnkept = 64;

struct Dispatcher::Active final : backends::Observer {
  explicit Active(boost::asio::io_context& io)
      : kept(io, boost::asio::steady_timer::time_point::max()) {}
  int attempt = 0;
  bool shortened = false;    // its limit is the backend's, not its own
  std::string told;          // of its log, by its worker; the channel may hold what others said
  bool lost = false;         // the lease is somebody else's now: record nothing
  bool interrupted = false;  // stopped by the drain, to be put back
  model::RunId run;
  std::deque<model::Checkpoint> unkept;  // told, and not written down yet
  bool keeping = false;
  boost::asio::steady_timer kept;  // cancelled when all is
  std::string checkpoint_key;      // of the one that the run has
  std::function<void()> on_saved = [] {};
  backends::Cancellation cancellation;
  std::shared_ptr<feed::Channel> channel;
  void log(std::string_view text) override {
    told += text;
    channel->add_log(attempt, text);
  }
  void progress(std::string_view json) override { channel->set_progress(attempt, json); }
  void checkpoint(const model::Checkpoint& checkpoint) override {
    if (unkept.size() >= kMostUnkept) unkept.pop_front();  // its object is the janitor's
    unkept.push_back(checkpoint);
    unkept.back().attempt = attempt;
    on_saved();
  }
  void anew() override {
    unkept.emplace_back();  // of no attempt
    on_saved();
  }
  void lose() {
    lost = true;
    cancellation.request();
  }
};

}  // namespace mecapy::dispatcher
