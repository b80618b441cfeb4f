// The connections to a PostgreSQL database, a thread for each.
//
// A request is one transaction. When its connection breaks before the commit was sent, nothing of
// it happened: it is done again on a new connection, for as long as it may wait. When it breaks
// while committing, nobody can tell: the answer is storage, and who asked must look or ask again.
//
// The server ends a statement that takes too long (postgres_connection.cc); a server that does not
// answer at all is given up here, by shutting its socket down.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "store/connection.h"
#include "store/postgres_connection.h"
#include "store/sql_store.h"
#include "store/store.h"

namespace mecapy::store {

class PostgresPool final : public Database {
 public:
  explicit PostgresPool(PostgresOptions options);
  ~PostgresPool() override;
  PostgresPool(const PostgresPool&) = delete;
  PostgresPool& operator=(const PostgresPool&) = delete;

  void write(std::unique_ptr<Request> request, Durability durability) override;
  void read(std::unique_ptr<Request> request, Reads reads) override;
  Connections connections() const override;

 private:
  using Time = std::chrono::steady_clock::time_point;
  enum class Outcome { done, again, unknown };
  enum class State { absent, idle, busy };
  struct Waiting {
    std::unique_ptr<Request> request;
    Access access;
    Time deadline;  // no attempt begins after it
  };
  // A thread's connection, and what the watchman must know of it.
  struct Seat {
    std::unique_ptr<Connection> connection;
    int failures = 0;             // of statements since it was made
    State state = State::absent;  // after its last request; under the pool's lock
    std::mutex mutex;
    int socket = -1;  // while a transaction is on its way
    Time give_up{};
  };

  void submit(std::unique_ptr<Request> request, Access access);
  void loop(Seat& seat);
  std::optional<Waiting> take(Seat& seat);
  void settle(Seat& seat);
  void serve(Seat& seat, Waiting& waiting);
  bool connect(Seat& seat);
  Outcome attempt(Seat& seat, Request& request, Access access);
  Outcome transact(Connection& connection, Request& request, Access access);
  static Outcome roll_back(Connection& connection, const Request& request);
  void begin_watch(Seat& seat) const;
  static void end_watch(Seat& seat);
  void watch();
  bool pause(Time deadline);

  PostgresOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable ended_;
  std::deque<Waiting> waiting_;
  bool ending_ = false;
  bool watching_ = true;
  bool reachable_ = true;  // as told last
  std::vector<std::unique_ptr<Seat>> seats_;
  std::vector<std::thread> threads_;  // last: they use all the others
  std::thread watchman_;
};

}  // namespace mecapy::store
