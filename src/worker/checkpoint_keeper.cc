#include "worker/checkpoint_keeper.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"

namespace mecapy::worker {
namespace {

namespace asio = boost::asio;
using std::chrono::microseconds;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kStoreDeadline{30};
constexpr std::chrono::seconds kEach{1};
constexpr std::chrono::seconds kBurst{4};
constexpr std::int64_t kBytesPerSecond = 8 << 20;

}  // namespace

CheckpointKeeper::CheckpointKeeper(asio::io_context& io, objects::ObjectStore& objects,
                                   const Attempt& attempt, Sink& sink)
    : objects_(objects),
      sink_(sink),
      run_id_(attempt.run_id),
      keeps_(attempt.keeps_checkpoints),
      turn_(io),
      spent_until_(steady_clock::now() - kBurst) {
  open_.attempt = attempt.number;
}

void CheckpointKeeper::hurry() {
  over_ = true;
  turn_.cancel();
}

awaitable<void> CheckpointKeeper::wait() {
  if (over_) co_return;
  boost::system::error_code ec;
  turn_.expires_at(spent_until_);
  co_await turn_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
}

void CheckpointKeeper::give_up(const Error& error) {
  base::log_warn("a checkpoint could not be kept", {{"run", run_id_},
                                                    {"attempt", open_.attempt},
                                                    {"number", open_.number},
                                                    {"error", error.message}});
  writer_.reset();
}

awaitable<void> CheckpointKeeper::begin() {
  co_await wait();
  ++open_.number;
  open_.size = 0;
  digest_.reset();
  auto writer =
      co_await objects_.create(model::checkpoint_key(run_id_, open_), base::after(kStoreDeadline));
  if (!writer) co_return give_up(writer.error());
  writer_ = std::move(*writer);
}

awaitable<void> CheckpointKeeper::accept(const sandbox::Frame& frame) {
  if (!keeps_) co_return;
  if (frame.type == sandbox::Frame::Type::checkpoint_begin) co_return co_await begin();
  if (!writer_) co_return;
  if (frame.type == sandbox::Frame::Type::checkpoint_data) {
    open_.size += static_cast<std::int64_t>(frame.payload.size());
    digest_.add(frame.payload);
    auto kept = co_await writer_->append(frame.payload, base::after(kStoreDeadline));
    if (!kept) give_up(kept.error());
    co_return;
  }
  const auto cost =
      std::max<microseconds>(kEach, microseconds(open_.size * 1'000'000 / kBytesPerSecond));
  spent_until_ = std::max(spent_until_, steady_clock::now() - kBurst) + cost;
  auto kept = co_await writer_->commit(base::after(kStoreDeadline));
  if (!kept) co_return give_up(kept.error());
  writer_.reset();
  open_.sha256 = digest_.hex();
  sink_.checkpoint(open_);
}

}  // namespace mecapy::worker
