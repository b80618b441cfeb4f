#include "queue/redis_queue.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <limits>
#include <utility>

namespace mecapy::queue {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr std::size_t kBatch = 500;
constexpr milliseconds kBlock{500};          // of a read that waits for runs
constexpr milliseconds kTick{200};           // between two looks at what is due
constexpr milliseconds kAgain{500};          // before Redis that is away is tried again
constexpr std::chrono::seconds kRefused{5};  // it counts as away, though it may take the next one
// What was read is held here, and must be given, however much that is.
constexpr std::size_t kUnbounded = std::numeric_limits<std::size_t>::max();
constexpr base::Deadline kNever = base::Deadline::max();

}  // namespace

RedisQueue::RedisQueue(RedisOptions options, std::size_t capacity,
                       std::shared_ptr<const base::Clock> clock)
    : options_(std::move(options)),
      capacity_(capacity),
      calls_(io_.get_executor(), options_.address),
      reads_(io_.get_executor(), options_.address),
      stream_(calls_, reads_, options_.prefix, options_.consumer, capacity_),
      send_timer_(io_),
      read_timer_(io_),
      keep_timer_(io_),
      here_(kUnbounded, std::move(clock), [this] { wake(read_timer_); }),
      thread_([this] { run(); }) {}

RedisQueue::~RedisQueue() {
  close();
  thread_.join();
}

Result<void> RedisQueue::push(model::RunId id, std::chrono::microseconds pause) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return fail(ErrorCode::draining, "the queue is closed");
    const std::size_t waiting = away_ ? here_.size() : waiting_ + outbox_.pushed.size();
    if (waiting >= capacity_) return fail(ErrorCode::busy, "the queue is full");
    if (away_) return here_.push(std::move(id), pause);
    outbox_.pushed.push_back({std::move(id), pause});
  }
  wake(send_timer_);
  return {};
}

awaitable<std::optional<model::RunId>> RedisQueue::pop(base::Deadline deadline) {
  return here_.pop(deadline);
}

void RedisQueue::done(const model::RunId& id) {
  {
    const std::lock_guard lock(mutex_);
    outbox_.done.push_back(id);
  }
  wake(send_timer_);
}

void RedisQueue::bury(const model::RunId& id, const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    outbox_.buried.push_back({id, why});
  }
  wake(send_timer_);
}

std::size_t RedisQueue::size() const {
  const std::lock_guard lock(mutex_);
  return waiting_ + outbox_.pushed.size() + here_.size();
}

Result<void> RedisQueue::health() const {
  const std::lock_guard lock(mutex_);
  if (away_) return *away_;
  return {};
}

void RedisQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  here_.close();
  wake(send_timer_);
  wake(read_timer_);
  wake(keep_timer_);
}

void RedisQueue::poke() {
  here_.poke();
  wake(keep_timer_);
}

void RedisQueue::run() {
  spawn(keep_loop());
  spawn(send_loop());
  spawn(read_loop());
  io_.run();
}

// The last loop that ends gives back what is held.
void RedisQueue::spawn(awaitable<void> loop) {
  ++loops_;
  asio::co_spawn(io_, std::move(loop), [this](std::exception_ptr) {
    if (--loops_ > 0) return;
    asio::co_spawn(
        io_,
        [this]() -> awaitable<void> {
          const Outbox last = take_outbox();
          (void)co_await send(last);
          (void)co_await stream_.give_back();
          io_.stop();
        },
        [this](std::exception_ptr) { io_.stop(); });
  });
}

bool RedisQueue::is_closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

awaitable<void> RedisQueue::sleep(asio::steady_timer& timer, base::Deadline until) {
  timer.expires_at(until);
  boost::system::error_code ec;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
}

// From any thread. A loop looks whether there is something to do after it said that it sleeps.
void RedisQueue::wake(asio::steady_timer& timer) {
  asio::post(io_, [&timer] { timer.cancel(); });
}

// Whether Redis is there, after a try; tells of a change. One that keeps nothing may well do what
// needs no room.
bool RedisQueue::settle(const Result<void>& outcome) {
  const auto now = std::chrono::steady_clock::now();
  if (!outcome && outcome.error().code == ErrorCode::storage) refused_until_ = now + kRefused;
  if (outcome && now < refused_until_) return false;
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    changed = away_.has_value() == outcome.has_value();
    away_ = outcome ? std::nullopt : std::optional(outcome.error());
    if (away_) waiting_ = 0;
  }
  if (changed) {
    if (options_.on_change) {
      options_.on_change(outcome ? std::nullopt : std::optional(outcome.error().message));
    }
    read_timer_.cancel();
    send_timer_.cancel();
  }
  return outcome.has_value();
}

RedisQueue::Outbox RedisQueue::take_outbox() {
  const std::lock_guard lock(mutex_);
  Outbox taken;
  taken.done = std::exchange(outbox_.done, {});
  taken.buried = std::exchange(outbox_.buried, {});
  const auto end =
      outbox_.pushed.begin() + static_cast<std::ptrdiff_t>(std::min(kBatch, outbox_.pushed.size()));
  taken.pushed.assign(std::make_move_iterator(outbox_.pushed.begin()),
                      std::make_move_iterator(end));
  outbox_.pushed.erase(outbox_.pushed.begin(), end);
  waiting_ += taken.pushed.size();  // until Redis tells
  return taken;
}

awaitable<void> RedisQueue::send_loop() {
  while (!is_closed()) {
    const Outbox outbox = take_outbox();
    if (outbox.empty()) {
      co_await sleep(send_timer_, kNever);
      continue;
    }
    const auto sent = co_await send(outbox);
    if (sent) continue;
    settle(sent);
    keep_here(outbox.pushed);
  }
}

// What is over goes first: a run that is pushed again must not be known any more.
awaitable<Result<void>> RedisQueue::send(const Outbox& outbox) {
  for (const Buried& buried : outbox.buried) {
    if (auto told = co_await stream_.bury(buried.id, buried.why); !told) co_return told.error();
  }
  if (auto told = co_await stream_.done(outbox.done); !told) co_return told.error();
  if (outbox.pushed.empty()) co_return Result<void>{};
  const std::size_t handed = handed_;
  const auto waiting = co_await stream_.push(outbox.pushed);
  if (!waiting) co_return waiting.error();
  hear_waiting(*waiting, handed);
  co_return Result<void>{};
}

// What was handed out since `handed`, while the answer was on its way, may be among those it
// counts.
void RedisQueue::hear_waiting(std::int64_t told, std::size_t handed) {
  const auto since = static_cast<std::int64_t>(handed_ - handed);
  const std::lock_guard lock(mutex_);
  waiting_ = static_cast<std::size_t>(std::max<std::int64_t>(told - since, 0));
}

void RedisQueue::keep_here(const std::vector<Waiting>& runs) {
  for (const Waiting& run : runs) (void)here_.push(run.id, run.pause);
}

// As many are read as pops wait for: what this process has no room for is for others.
awaitable<void> RedisQueue::read_loop() {
  while (!is_closed()) {
    if (here_.waiters() == 0 || !health()) {
      co_await sleep(read_timer_, kNever);
      continue;
    }
    const auto read = co_await read_some();
    if (!read) settle(read);
  }
}

awaitable<Result<void>> RedisQueue::read_some() {
  const auto wanted = static_cast<int>(std::max<std::size_t>(here_.waiters(), 1));
  const auto ids = co_await stream_.read(wanted, kBlock);
  if (!ids) co_return ids.error();
  hand_out(*ids);
  co_return Result<void>{};
}

void RedisQueue::hand_out(const std::vector<model::RunId>& ids) {
  handed_ += ids.size();
  {
    const std::lock_guard lock(mutex_);
    waiting_ -= std::min(waiting_, ids.size());
  }
  for (const model::RunId& id : ids) (void)here_.push(id, {});
}

awaitable<void> RedisQueue::keep_loop() {
  while (!is_closed()) {
    const bool there = settle(co_await keep_house());
    co_await sleep(keep_timer_, base::after(there ? kTick : kAgain));
  }
}

// Preparing is also the try whether Redis keeps anything new.
awaitable<Result<void>> RedisQueue::keep_house() {
  const bool due = std::chrono::steady_clock::now() >= keep_next_;
  if (due || !health()) {
    if (auto prepared = co_await stream_.prepare(); !prepared) co_return prepared.error();
  }
  const std::size_t handed = handed_;
  const auto waiting = co_await stream_.promote();
  if (!waiting) co_return waiting.error();
  hear_waiting(*waiting, handed);
  if (!due) co_return Result<void>{};
  keep_next_ = base::after(options_.lease / 3);
  if (auto kept = co_await stream_.keep(); !kept) co_return kept.error();
  const auto taken = co_await stream_.take_over(options_.lease);
  if (!taken) co_return taken.error();
  hand_out(*taken);
  if (auto forgot = co_await stream_.forget_lost(); !forgot) co_return forgot.error();
  co_return co_await stream_.forget_consumers();
}

std::unique_ptr<Queue> make_redis_queue(RedisOptions options, std::size_t capacity,
                                        std::shared_ptr<const base::Clock> clock) {
  return std::make_unique<RedisQueue>(std::move(options), capacity, std::move(clock));
}

}  // namespace mecapy::queue
