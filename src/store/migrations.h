// The schema of the database, as the list of steps that lead to it: one list for every dialect.
#pragma once

#include <functional>

#include "base/result.h"
#include "store/connection.h"

namespace mecapy::store {

// What the dialects spell differently, by its name in a step: "$ID", "$INTEGER" ...
struct DialectWords {
  const char* id;       // text compared byte by byte
  const char* integer;  // 64 bits
  const char* real;     // a double
  const char* compact;  // ends a small table whose key is all it is looked up by
};
inline constexpr DialectWords kSqliteWords{"TEXT", "INTEGER", "REAL", "WITHOUT ROWID"};
inline constexpr DialectWords kPostgresWords{"TEXT COLLATE \"C\"", "BIGINT", "DOUBLE PRECISION",
                                             ""};

// The number of the last migration this program knows.
int newest_schema();

// Brings the database to newest_schema(), each step in a transaction of its own and recorded in
// schema_migrations with connection.now(). A database that is further already is refused (storage):
// its data may mean what this program does not know. Nobody else may migrate it meanwhile. Calls
// `on_migration` before the first step on a database that has a schema already.
Result<void> migrate(Connection& connection, const DialectWords& words,
                     const std::function<void()>& on_migration);

}  // namespace mecapy::store
