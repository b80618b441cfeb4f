// The log beside a SQLite database (its WAL), where what was committed is until a checkpoint: how
// it comes to the disk, and who waits for that. What is committed can be read before it is synced.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "store/request.h"

namespace mecapy::store {

class SqliteLog {
 public:
  // Of the database at that path, which a connection has read or written already: SQLite keeps the
  // file for as long as there is one. Errors: storage.
  static Result<std::unique_ptr<SqliteLog>> open(const std::string& database);

  // The writer's: what is committed from now on must be on the disk before it is told.
  void begin_commit();
  // Brings it there. After an error the disk may lack a part of the log that later commits stand
  // on, and asking again would not tell.
  Result<void> sync();
  // It is there, or was not committed: answers who waits for it.
  void end_commit();

  // Answers once all that the request can have read is on the disk. Thread-safe.
  void answer(std::unique_ptr<Request> request);

 private:
  explicit SqliteLog(base::Fd file) : file_(std::move(file)) {}

  base::Fd file_;
  std::mutex mutex_;
  bool unsynced_ = false;
  std::vector<std::unique_ptr<Request>> waiting_;
};

}  // namespace mecapy::store
