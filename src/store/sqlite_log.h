// The log beside a SQLite database (its WAL), where what was committed is until a checkpoint.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace mecapy::store {

class SqliteLog {
 public:
  // Of the database at that path.
  explicit SqliteLog(const std::string& database) : path_(database + "-wal") {}
  // What was committed before is on the disk afterwards, with the log's name in its folder. After
  // an error the disk may lack a part of the log that later commits stand on, and asking again
  // would not tell.
  Result<void> sync();

 private:
  Result<void> open();

  std::string path_;
  base::Fd file_;  // SQLite keeps the file for as long as a connection is open
};

}  // namespace mecapy::store
