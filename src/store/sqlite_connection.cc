#include "store/sqlite_connection.h"

#include <soci/sqlite3/soci-sqlite3.h>

namespace mecapy::store {
namespace {

// A checkpoint each 16 MiB of log instead of SQLite's 4: it costs the commit it falls on two more
// fsyncs. 8 MiB of cache for the writer, 4 for each reader.
constexpr const char* kWritePragmas[] = {
    "PRAGMA busy_timeout = 5000",       "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",        "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",       "PRAGMA cache_size = -8192",
    "PRAGMA wal_autocheckpoint = 4096", "PRAGMA journal_size_limit = 67108864",
};
constexpr const char* kReadPragmas[] = {
    "PRAGMA busy_timeout = 5000",
    "PRAGMA query_only = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -4096",
};

Result<std::unique_ptr<Connection>> connect(const std::string& path, SqliteUse use) {
  auto session = std::make_unique<soci::session>(soci::sqlite3, "db=\"" + path + "\"");
  if (use == SqliteUse::write) {
    for (const char* pragma : kWritePragmas) *session << pragma;
  } else {
    for (const char* pragma : kReadPragmas) *session << pragma;
  }
  return std::make_unique<Connection>(std::move(session), translate_sqlite,
                                      Connection::Locks::database);
}

}  // namespace

Result<std::unique_ptr<Connection>> connect_sqlite(const std::string& path, SqliteUse use) {
  if (path.find_first_of("\"\n") != std::string::npos) {
    return fail(ErrorCode::usage, "the database's path must not hold a quote or a new line");
  }
  try {
    return connect(path, use);
  } catch (const soci::soci_error& e) {
    return translate_sqlite(e);
  }
}

Result<void> write_log_back(Connection& connection) {
  try {
    int busy = 0, pages = 0, written = 0;
    connection.one_row("PRAGMA wal_checkpoint(TRUNCATE)", soci::into(busy), soci::into(pages),
                       soci::into(written));
    connection.execute("PRAGMA synchronous = NORMAL");
    return {};
  } catch (const soci::soci_error& e) {
    return translate_sqlite(e);
  }
}

Error translate_sqlite(const soci::soci_error& e) {
  const auto* error = dynamic_cast<const soci::sqlite3_soci_error*>(&e);
  if (error == nullptr) return fail(ErrorCode::storage, "the database failed");
  const int code = error->result();
  const std::string reason = sqlite_api::sqlite3_errstr(code);
  if ((code & 0xff) == SQLITE_CONSTRAINT) {
    return fail(ErrorCode::conflict, "the database refused a duplicate or dangling id");
  }
  return fail(ErrorCode::storage,
              "the database failed: " + reason + " (SQLite " + std::to_string(code) + ")");
}

bool in_transaction(Connection& connection) {
  auto* backend = static_cast<soci::sqlite3_session_backend*>(connection.session().get_backend());
  return sqlite_api::sqlite3_get_autocommit(backend->conn_) == 0;
}

}  // namespace mecapy::store
