// The one thread that writes to a SQLite database. Requests that wait while it commits share the
// next commit, and so one sync: each runs within a savepoint of its own, so that one that fails is
// rolled back alone. Each answer is given after the commit: of what must survive a loss of power
// once the log is on the disk (SqliteLog), while the next commit is made. What waits is bounded by
// the number of callers, each of which waits for its answer.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/connection.h"
#include "store/request.h"
#include "store/sql_store.h"
#include "store/sqlite_log.h"

namespace mecapy::store {

class SqliteWriter {
 public:
  // `log` is that of the database that is connected, and outlives it; write_log_back() was done.
  SqliteWriter(std::unique_ptr<Connection> connection, SqliteLog& log,
               std::shared_ptr<const base::Clock> clock);
  // Finishes what waits and joins the thread; then writes the log back into the database file.
  ~SqliteWriter();
  SqliteWriter(const SqliteWriter&) = delete;
  SqliteWriter& operator=(const SqliteWriter&) = delete;

  // Thread-safe.
  void submit(std::unique_ptr<Request> request, Durability durability);
  // Transactions committed until now.
  std::int64_t commits() const { return commits_; }
  Connections connections() const;

 private:
  struct Waiting {
    std::unique_ptr<Request> request;
    Durability durability;
  };
  using Batch = std::vector<Waiting>;

  void loop();
  // The requests that wait, waiting for the first; empty when the writer ends.
  Batch take();
  // False when nothing of it was committed. `durable`: something of it must be on the disk.
  bool write(Batch& batch, bool durable);
  std::optional<Error> transact(Batch& batch, bool durable);
  void run_in_savepoint(Request& request);
  void roll_back();
  // Those that must be on the disk before they are answered.
  static SqliteLog::Requests take_durable(Batch& batch);

  std::unique_ptr<Connection> connection_;
  SqliteLog& log_;
  std::shared_ptr<const base::Clock> clock_;
  std::atomic<std::int64_t> commits_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  Batch waiting_;
  bool busy_ = false;
  bool ending_ = false;
  std::thread thread_;  // last: it uses all the others
};

}  // namespace mecapy::store
