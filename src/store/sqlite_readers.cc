#include "store/sqlite_readers.h"

#include <utility>

namespace mecapy::store {
namespace {

constexpr Sql kBegin = "BEGIN";
constexpr Sql kEnd = "COMMIT";
constexpr Sql kRollback = "ROLLBACK";

void end_after_failure(Connection& connection) {
  connection.forget_statements();
  try {
    connection.execute(kRollback);
  } catch (const soci::soci_error&) {
    // There was none to end: begin itself had failed.
  }
}

void read(Connection& connection, Request& request, const base::Clock& clock) {
  try {
    connection.execute(kBegin);
    connection.set_now(clock.now());
    request.run(connection);
    connection.execute(kEnd);
  } catch (const soci::soci_error& e) {
    request.fail_with(connection.translate(e));
    end_after_failure(connection);
  }
}

}  // namespace

SqliteReaders::SqliteReaders(std::vector<std::unique_ptr<Connection>> connections, SqliteLog& log,
                             std::shared_ptr<const base::Clock> clock)
    : connections_(std::move(connections)), log_(log), clock_(std::move(clock)) {
  for (const auto& connection : connections_) {
    threads_.emplace_back([this, &connection] { loop(*connection); });
  }
}

SqliteReaders::~SqliteReaders() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  arrived_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void SqliteReaders::submit(std::unique_ptr<Request> request, Reads reads) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(request), reads});
  }
  arrived_.notify_one();
}

void SqliteReaders::loop(Connection& connection) {
  for (Waiting next = take(); next.request; next = take()) {
    read(connection, *next.request, *clock_);
    {
      const std::lock_guard lock(mutex_);
      --busy_;
    }
    if (next.reads == Reads::committed) {
      next.request->answer();
    } else {
      log_.answer(std::move(next.request));
    }
  }
}

Connections SqliteReaders::connections() const {
  const std::lock_guard lock(mutex_);
  return {.busy = busy_, .idle = connections_.size() - busy_, .waiting = waiting_.size()};
}

SqliteReaders::Waiting SqliteReaders::take() {
  std::unique_lock lock(mutex_);
  arrived_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
  if (waiting_.empty()) return {nullptr, Reads::durable};
  Waiting next = std::move(waiting_.front());
  waiting_.pop_front();
  ++busy_;
  return next;
}

}  // namespace mecapy::store
