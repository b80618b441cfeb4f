#include "store/sqlite_writer.h"

#include <algorithm>
#include <utility>

#include "store/sqlite_connection.h"

namespace mecapy::store {
namespace {

constexpr Sql kBegin = "BEGIN IMMEDIATE";
constexpr Sql kCommit = "COMMIT";
constexpr Sql kRollback = "ROLLBACK";
constexpr Sql kSavepoint = "SAVEPOINT request";
constexpr Sql kRelease = "RELEASE request";
constexpr Sql kRollbackTo = "ROLLBACK TO request";

}  // namespace

SqliteWriter::SqliteWriter(std::unique_ptr<Connection> connection, SqliteLog& log,
                           std::shared_ptr<const base::Clock> clock)
    : connection_(std::move(connection)),
      log_(log),
      clock_(std::move(clock)),
      thread_([this] { loop(); }) {}

SqliteWriter::~SqliteWriter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  arrived_.notify_one();
  thread_.join();
  (void)write_log_back(*connection_);  // else it stays, and is at the next start
}

void SqliteWriter::submit(std::unique_ptr<Request> request, Durability durability) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(request), durability});
  }
  arrived_.notify_one();
}

void SqliteWriter::loop() {
  for (Batch batch = take(); !batch.empty(); batch = take()) {
    const bool durable = std::ranges::any_of(
        batch, [](const Waiting& w) { return w.durability == Durability::power_loss; });
    SqliteLog::Requests waits;  // for the disk
    if (write(batch, durable)) waits = take_durable(batch);
    for (const auto& request : waits) request->committed();
    if (durable) log_.end_commit(std::move(waits));
    for (Waiting& w : batch) w.request->answer();
  }
}

SqliteWriter::Batch SqliteWriter::take() {
  std::unique_lock lock(mutex_);
  busy_ = false;
  arrived_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
  busy_ = true;
  return std::exchange(waiting_, {});
}

Connections SqliteWriter::connections() const {
  const std::lock_guard lock(mutex_);
  const std::size_t busy = busy_ ? 1 : 0;
  return {.busy = busy, .idle = 1 - busy, .waiting = waiting_.size()};
}

bool SqliteWriter::write(Batch& batch, bool durable) {
  std::optional<Error> error;
  try {
    error = transact(batch, durable);
  } catch (const soci::soci_error& e) {
    error = connection_->translate(e);
  }
  if (!error) {
    ++commits_;
    return true;
  }
  roll_back();
  for (Waiting& w : batch) w.request->fail_with(*error);
  return false;
}

std::optional<Error> SqliteWriter::transact(Batch& batch, bool durable) {
  connection_->execute(kBegin);
  for (Waiting& w : batch) {
    run_in_savepoint(*w.request);
    if (!in_transaction(*connection_)) {
      return fail(ErrorCode::storage, "the database failed: it rolled the transaction back");
    }
  }
  if (durable) log_.begin_commit();
  connection_->execute(kCommit);
  return std::nullopt;
}

void SqliteWriter::run_in_savepoint(Request& request) {
  connection_->execute(kSavepoint);
  connection_->set_now(clock_->now());
  const bool keep = request.run(*connection_);
  if (!in_transaction(*connection_)) return;
  if (!keep) connection_->execute(kRollbackTo);
  connection_->execute(kRelease);
}

SqliteLog::Requests SqliteWriter::take_durable(Batch& batch) {
  SqliteLog::Requests durable;
  for (Waiting& w : batch) {
    if (w.durability == Durability::power_loss) durable.push_back(std::move(w.request));
  }
  std::erase_if(batch, [](const Waiting& w) { return !w.request; });
  return durable;
}

// After this no transaction is open, or the connection is beyond help and says so at the next
// begin.
void SqliteWriter::roll_back() {
  connection_->forget_statements();
  try {
    if (in_transaction(*connection_)) connection_->execute(kRollback);
  } catch (const soci::soci_error&) {
    // The next BEGIN fails, and with it its batch.
  }
}

}  // namespace mecapy::store
