// The log beside a SQLite database (its WAL), where what was committed is until a checkpoint: how
// it comes to the disk, and who waits for that. What is committed can be read before it is synced,
// and the writer goes on meanwhile.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "store/request.h"

namespace mecapy::store {

class SqliteLog {
 public:
  using Requests = std::vector<std::unique_ptr<Request>>;

  // Of the database at that path, which a connection has read or written already: SQLite keeps the
  // file for as long as there is one. Errors: storage.
  static Result<std::unique_ptr<SqliteLog>> open(const std::string& database);
  // Finishes what waits, and joins the thread.
  ~SqliteLog();
  SqliteLog(const SqliteLog&) = delete;
  SqliteLog& operator=(const SqliteLog&) = delete;

  // The writer's, one after the other: what is committed from now on must be on the disk before it
  // is told.
  void begin_commit();
  // It is committed, or failed. Answers these once it is on the disk; those that wait share a sync.
  // The process ends when it cannot be brought there: the disk may lack a part of the log that
  // later commits stand on, and asking again would not tell.
  void end_commit(Requests written);

  // Answers once all that the request can have read is on the disk. Thread-safe.
  void answer(std::unique_ptr<Request> request);

 private:
  struct Reader {
    std::uint64_t commit;
    std::unique_ptr<Request> request;
  };

  explicit SqliteLog(base::Fd file);
  void loop();
  void sync() const;

  base::Fd file_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  // Numbers of commits: the last that was begun, that has ended, and that is on the disk.
  std::uint64_t begun_ = 0, ended_ = 0, synced_ = 0;
  Requests written_;
  std::vector<Reader> readers_;
  bool ending_ = false;
  std::thread thread_;  // last: it uses all the others
};

}  // namespace mecapy::store
