#include "store/postgres_pool.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "store/postgres_connection.h"

namespace mecapy::store {
namespace {

constexpr Sql kCommit = "COMMIT";
constexpr Sql kRollback = "ROLLBACK";

constexpr auto kBetweenAttempts = std::chrono::milliseconds(100);
constexpr auto kBetweenLooks = std::chrono::milliseconds(250);
// Each leaves a prepared statement behind at the server, which keeps them while the connection is.
constexpr int kFailuresOfAConnection = 64;

auto now() { return std::chrono::steady_clock::now(); }

}  // namespace

PostgresPool::PostgresPool(PostgresOptions options) : options_(std::move(options)) {
  for (int i = 0; i < options_.connections; ++i) seats_.push_back(std::make_unique<Seat>());
  for (const auto& seat : seats_) threads_.emplace_back([this, &seat = *seat] { loop(seat); });
  watchman_ = std::thread([this] { watch(); });
}

PostgresPool::~PostgresPool() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  arrived_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  {
    const std::lock_guard lock(mutex_);
    watching_ = false;
  }
  ended_.notify_all();
  watchman_.join();
}

void PostgresPool::write(std::unique_ptr<Request> request, Durability durability) {
  submit(std::move(request),
         durability == Durability::process_death ? Access::write_relaxed : Access::write);
}

// What others read has been flushed, but for what was written relaxed.
void PostgresPool::read(std::unique_ptr<Request> request, Reads /*reads*/) {
  submit(std::move(request), Access::read);
}

void PostgresPool::submit(std::unique_ptr<Request> request, Access access) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(request), access, now() + options_.patience});
  }
  arrived_.notify_one();
}

void PostgresPool::loop(Seat& seat) {
  while (auto waiting = take(seat)) {
    serve(seat, *waiting);
    settle(seat);
    waiting->request->answer();
  }
}

std::optional<PostgresPool::Waiting> PostgresPool::take(Seat& seat) {
  std::unique_lock lock(mutex_);
  arrived_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
  if (waiting_.empty()) return std::nullopt;
  Waiting next = std::move(waiting_.front());
  waiting_.pop_front();
  seat.state = State::busy;
  return next;
}

void PostgresPool::settle(Seat& seat) {
  const std::lock_guard lock(mutex_);
  seat.state = seat.connection ? State::idle : State::absent;
}

Connections PostgresPool::connections() const {
  const std::lock_guard lock(mutex_);
  Connections now{.waiting = waiting_.size()};
  for (const auto& seat : seats_) {
    ++(seat->state == State::busy ? now.busy : seat->state == State::idle ? now.idle : now.absent);
  }
  return now;
}

void PostgresPool::serve(Seat& seat, Waiting& waiting) {
  bool reached = false;
  do {
    reached = seat.connection || connect(seat);
    if (!reached) continue;
    switch (attempt(seat, *waiting.request, waiting.access)) {
      case Outcome::done:
        return;
      case Outcome::unknown:
        return waiting.request->fail_with(
            fail(ErrorCode::storage, "the database broke off while it committed"));
      case Outcome::again:
        break;
    }
  } while (pause(waiting.deadline));
  waiting.request->fail_with(fail(ErrorCode::storage, reached ? "the database took too long"
                                                              : "the database cannot be reached"));
}

bool PostgresPool::connect(Seat& seat) {
  auto connection = connect_postgres(options_.url, options_.limits);
  const bool reached = connection.has_value();
  if (reached) seat.connection = std::move(*connection);
  seat.failures = 0;
  bool told = false;
  {
    const std::lock_guard lock(mutex_);
    told = std::exchange(reachable_, reached) == reached;
  }
  if (!told && options_.on_change) {
    options_.on_change(reached ? std::nullopt : std::optional(connection.error().message));
  }
  return reached;
}

PostgresPool::Outcome PostgresPool::attempt(Seat& seat, Request& request, Access access) {
  begin_watch(seat);
  const Outcome outcome = transact(*seat.connection, request, access);
  end_watch(seat);
  if (request.failure()) ++seat.failures;
  if (!is_idle(*seat.connection) || seat.failures > kFailuresOfAConnection) seat.connection.reset();
  return outcome;
}

PostgresPool::Outcome PostgresPool::transact(Connection& connection, Request& request,
                                             Access access) {
  try {
    begin_postgres(connection, access);
    if (!request.run(connection)) return roll_back(connection, request);
  } catch (const soci::soci_error&) {
    return Outcome::again;
  }
  try {
    connection.execute(kCommit);
    return Outcome::done;
  } catch (const soci::soci_error& e) {
    return access == Access::read || translate_postgres(e).code == ErrorCode::busy
               ? Outcome::again
               : Outcome::unknown;
  }
}

// A request that failed has its answer, unless it is the connection that failed, or the moment.
PostgresPool::Outcome PostgresPool::roll_back(Connection& connection, const Request& request) {
  connection.execute(kRollback);
  return request.failure() == ErrorCode::busy ? Outcome::again : Outcome::done;
}

void PostgresPool::begin_watch(Seat& seat) const {
  const std::lock_guard lock(seat.mutex);
  seat.socket = socket_of(*seat.connection);
  seat.give_up = now() + options_.give_up;
}

void PostgresPool::end_watch(Seat& seat) {
  const std::lock_guard lock(seat.mutex);
  seat.socket = -1;
}

void PostgresPool::watch() {
  std::unique_lock lock(mutex_);
  while (watching_) {
    ended_.wait_for(lock, kBetweenLooks);
    for (const auto& seat : seats_) {
      const std::lock_guard seat_lock(seat->mutex);
      if (seat->socket >= 0 && now() > seat->give_up) ::shutdown(seat->socket, SHUT_RDWR);
    }
  }
}

// Whether there is time for another attempt.
bool PostgresPool::pause(Time deadline) {
  std::unique_lock lock(mutex_);
  if (now() + kBetweenAttempts > deadline || ending_) return false;
  ended_.wait_for(lock, kBetweenAttempts);
  return true;
}

}  // namespace mecapy::store
