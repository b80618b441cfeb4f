// The threads that read from a SQLite database, each with a connection of its own. Each request
// sees one state of the database from its begin to its end, and what was committed before it began.
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
#include "store/store.h"

namespace mecapy::store {

class SqliteReaders {
 public:
  // One thread for each connection.
  SqliteReaders(std::vector<std::unique_ptr<Connection>> connections,
                std::shared_ptr<const base::Clock> clock);
  // Finishes what waits and joins the threads.
  ~SqliteReaders();
  SqliteReaders(const SqliteReaders&) = delete;
  SqliteReaders& operator=(const SqliteReaders&) = delete;

  // Thread-safe.
  void submit(std::unique_ptr<Request> request);
  Connections connections() const;

 private:
  void loop(Connection& connection);
  // The next request; nothing when the readers end.
  std::unique_ptr<Request> take();

  std::vector<std::unique_ptr<Connection>> connections_;
  std::shared_ptr<const base::Clock> clock_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::unique_ptr<Request>> waiting_;
  std::size_t busy_ = 0;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace mecapy::store
