// The threads that read from a SQLite database, each with a connection of its own. Each request
// sees one state of the database from its begin to its end, and what was committed before it began;
// it is answered once that is on the disk, unless it asks for what is committed only.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "store/connection.h"
#include "store/request.h"
#include "store/sql_store.h"
#include "store/sqlite_log.h"
#include "store/store.h"

namespace mecapy::store {

class SqliteReaders {
 public:
  // One thread for each connection. `log` is that of the database, and outlives it.
  SqliteReaders(std::vector<std::unique_ptr<Connection>> connections, SqliteLog& log,
                std::shared_ptr<const base::Clock> clock);
  // Finishes what waits and joins the threads.
  ~SqliteReaders();
  SqliteReaders(const SqliteReaders&) = delete;
  SqliteReaders& operator=(const SqliteReaders&) = delete;

  // Thread-safe.
  void submit(std::unique_ptr<Request> request, Reads reads);
  Connections connections() const;

 private:
  struct Waiting {
    std::unique_ptr<Request> request;
    Reads reads;
  };
  void loop(Connection& connection);
  // The next request; none when the readers end.
  Waiting take();

  std::vector<std::unique_ptr<Connection>> connections_;
  SqliteLog& log_;
  std::shared_ptr<const base::Clock> clock_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Waiting> waiting_;
  std::size_t busy_ = 0;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace mecapy::store
