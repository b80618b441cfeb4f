// For one who watches several channels: rings when any of them has something new.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "feed/feed.h"

namespace mecapy::api {

// Used on one thread; owned by a shared_ptr.
class Bell : public std::enable_shared_from_this<Bell> {
 public:
  explicit Bell(const boost::asio::any_io_executor& executor) : timer_(executor) {}

  // What is new in the channel from now on, until the bell is gone; with `to_its_end` until the run
  // has ended.
  void hear(std::shared_ptr<feed::Channel> channel, bool to_its_end) {
    const std::uint64_t seen = channel->state().version;
    boost::asio::co_spawn(timer_.get_executor(),
                          listen(weak_from_this(), std::move(channel), seen, to_its_end),
                          boost::asio::detached);
  }
  // Whether it rang before the deadline, or has since the last time.
  boost::asio::awaitable<bool> rang(base::Deadline deadline) {
    if (!rung_) {
      timer_.expires_at(deadline);
      boost::system::error_code ec;
      co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ec));
    }
    co_return std::exchange(rung_, false);
  }

 private:
  // How long a channel is held for a bell that may be gone.
  static constexpr std::chrono::seconds kLook{10};

  static boost::asio::awaitable<void> listen(std::weak_ptr<Bell> weak,
                                             std::shared_ptr<feed::Channel> channel,
                                             std::uint64_t seen, bool to_its_end) {
    while (!to_its_end || !model::is_end(channel->state().status)) {
      co_await channel->changed(seen, base::after(kLook));
      const auto bell = weak.lock();
      if (!bell) co_return;
      if (std::exchange(seen, channel->state().version) != channel->state().version) bell->ring();
    }
  }
  void ring() {
    rung_ = true;
    timer_.cancel();
  }

  boost::asio::steady_timer timer_;
  bool rung_ = false;
};

}  // namespace mecapy::api
