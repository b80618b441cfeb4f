#include "feed/feed.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace mecapy::feed {

Channel::Channel(const boost::asio::any_io_executor& executor, model::RunId id, Outlet* outlet)
    : executor_(executor), id_(std::move(id)), outlet_(outlet) {}

void Channel::touch() {
  ++state_.version;
  for (auto& [id, timer] : waiters_) timer->cancel();
}

void Channel::take_status(model::RunStatus status, int attempt) {
  if (attempt != state_.attempt) {
    state_.log.clear();
    state_.progress.clear();
    state_.log_size = 0;
  }
  state_.here = false;
  state_.status = status;
  state_.attempt = attempt;
  touch();
}

void Channel::set_status(model::RunStatus status, int attempt) {
  take_status(status, attempt);
  state_.here = status == model::RunStatus::running;
  if (outlet_ != nullptr) outlet_->status_changed(id_, state_);
}

void Channel::add_log(int attempt, std::string_view text) {
  if (!state_.here || attempt != state_.attempt) return;
  state_.log += text;
  touch();
  if (outlet_ != nullptr) outlet_->log_added(id_, state_, text);
}

void Channel::set_progress(int attempt, std::string_view json) {
  if (!state_.here || attempt != state_.attempt) return;
  state_.progress = json;
  touch();
  if (outlet_ != nullptr) outlet_->progress_changed(id_, state_);
}

void Channel::leave(int attempt) {
  if (attempt == state_.attempt) state_.here = false;
  touch();
}

// Whether others may say what becomes of `attempt` now.
bool Channel::may_hear(int attempt) const { return attempt == state_.attempt && !state_.here; }

void Channel::hear_status(model::RunStatus status, int attempt) {
  const bool news = may_hear(attempt) && !model::is_end(state_.status);
  if (attempt <= state_.attempt && !news) return;
  take_status(status, attempt);
}

bool Channel::hear_log(int attempt, std::size_t offset, std::string_view text) {
  if (!may_hear(attempt)) return true;
  if (offset > state_.log.size()) return false;
  const std::size_t known = state_.log.size() - offset;
  if (known >= text.size()) return true;
  state_.log += text.substr(known);
  touch();
  return true;
}

void Channel::hear_log_size(int attempt, std::size_t size) {
  if (!may_hear(attempt)) return;
  state_.log_size = std::max(state_.log_size, size);
  ++state_.answers;
  touch();
}

void Channel::hear_progress(int attempt, std::string_view json) {
  if (!may_hear(attempt)) return;
  state_.progress = json;
  touch();
}

boost::asio::awaitable<void> Channel::changed(std::uint64_t seen, base::Deadline deadline) {
  if (state_.version != seen) co_return;
  boost::asio::steady_timer timer(executor_, deadline);
  const std::uint64_t id = next_waiter_++;
  waiters_.emplace(id, &timer);
  boost::system::error_code ec;
  co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ec));
  waiters_.erase(id);
}

std::shared_ptr<Channel> Feed::open(const model::RunId& id) {
  if (auto channel = find(id)) return channel;
  if (channels_.size() >= sweep_at_) {
    std::erase_if(channels_, [](const auto& entry) { return entry.second.expired(); });
    sweep_at_ = std::max<std::size_t>(64, 2 * channels_.size());
  }
  auto channel = std::make_shared<Channel>(executor_, id, outlet_);
  channels_[id] = channel;
  return channel;
}

std::shared_ptr<Channel> Feed::watch(const model::RunId& id) {
  auto channel = open(id);
  if (outlet_ != nullptr) outlet_->watched(id);
  return channel;
}

void Feed::cancel_elsewhere(const model::RunId& id) {
  if (outlet_ != nullptr) outlet_->cancel(id);
}

std::shared_ptr<Channel> Feed::find(const model::RunId& id) const {
  const auto it = channels_.find(id);
  return it == channels_.end() ? nullptr : it->second.lock();
}

}  // namespace mecapy::feed
