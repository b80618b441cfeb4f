// The schema of the SQLite database, as the list of steps that lead to it.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "store/connection.h"

namespace mecapy::store {

// The number of the last migration this program knows.
int newest_sqlite_schema();

// Brings the database to newest_sqlite_schema(), each step in a transaction of its own and recorded
// in schema_migrations. A database that is further already is refused (storage): its data may mean
// what this program does not know. Throws soci::soci_error.
Result<void> migrate_sqlite(Connection& connection, base::TimePoint now);

}  // namespace mecapy::store
