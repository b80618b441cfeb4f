#include "orchestrator/held.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace mecapy::orchestrator {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kSmall = 64 * 1024;  // not worth counting

}  // namespace

void Held::count(std::size_t before, std::size_t now) {
  bytes_ += now;
  bytes_ -= before;
  peak_ = std::max(peak_, bytes_);
}

void Held::end_turn() {
  turn_ = false;
  if (waiting_.empty()) return;
  turn_ = true;
  const auto next = std::move(waiting_.front());
  waiting_.pop_front();
  next->cancel();
}

asio::awaitable<void> Holding::take(std::size_t bytes) {
  if (bytes <= kSmall || turn_) co_return;
  if (held_->fits(bytes)) {
    held_->count(bytes_, bytes_ + bytes);
    bytes_ += bytes;
    co_return;
  }
  if (held_->turn_) {
    const auto executor = co_await asio::this_coro::executor;
    const auto bell = std::make_shared<asio::steady_timer>(
        executor, std::chrono::steady_clock::time_point::max());
    held_->waiting_.push_back(bell);
    boost::system::error_code ec;
    co_await bell->async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
  held_->turn_ = true;
  turn_ = true;
}

void Holding::settle(std::size_t kept) {
  held_->count(bytes_, kept);
  bytes_ = kept;
  if (std::exchange(turn_, false)) held_->end_turn();
}

}  // namespace mecapy::orchestrator
