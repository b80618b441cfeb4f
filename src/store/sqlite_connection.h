// How a SQLite database is opened, and how its errors are told.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "store/connection.h"

namespace mecapy::store {

// A read connection refuses to write.
enum class SqliteUse { write, read };

// Opens `path`, which must exist, and sets the pragmas: WAL, foreign keys, busy timeout. Errors:
// storage (not a database, no permission, ...), usage (a path SOCI cannot express).
Result<std::unique_ptr<Connection>> connect_sqlite(const std::string& path, SqliteUse use);

// Brings all that the log has into the database file, and that to the disk; then syncing the log is
// its user's (SqliteLog). What an earlier process failed to bring to the disk looks, in the
// kernel's memory, as if it were there: commits behind it would be lost with it. Where another
// program reads the database meanwhile, as those that copy it do, what it reads stays in the log.
Result<void> write_log_back(Connection& connection);

// storage, or conflict for a broken constraint. Only SQLite's own words for its code: what SOCI
// says quotes the statement's values.
Error translate_sqlite(const soci::soci_error& e);

// Whether a transaction is open. SQLite itself rolls back after some failures (disk full, I/O).
bool in_transaction(Connection& connection);

}  // namespace mecapy::store
