// The one thread that writes to a SQLite database. Requests that wait while it commits share the
// next commit, and so one fsync: each runs within a savepoint of its own, so that one that fails is
// rolled back alone. Each answer is given after the commit. What waits is bounded by the number of
// callers, each of which waits for its answer.
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

namespace mecapy::store {

class SqliteWriter {
 public:
  SqliteWriter(std::unique_ptr<Connection> connection, std::shared_ptr<const base::Clock> clock);
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
  void write(Batch& batch);
  std::optional<Error> transact(Batch& batch);
  void run_in_savepoint(Request& request);
  void set_synchronous(const Batch& batch);
  void roll_back();

  std::unique_ptr<Connection> connection_;
  std::shared_ptr<const base::Clock> clock_;
  std::optional<Durability> synchronous_;  // as the pragma was set last
  std::atomic<std::int64_t> commits_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  Batch waiting_;
  bool busy_ = false;
  bool ending_ = false;
  std::thread thread_;  // last: it uses all the others
};

}  // namespace mecapy::store
