#include "store/look.h"

#include <utility>

#include "store/machine_sql.h"
#include "store/migrations.h"
#include "store/postgres_connection.h"
#include "store/reap_sql.h"
#include "store/secret_sql.h"
#include "store/sqlite_connection.h"

namespace mecapy::store {
namespace {

constexpr int kMostWanted = 10'000;
constexpr Sql kSchema = "SELECT COALESCE(MAX(number), 0) FROM schema_migrations";

Result<MachinesSeen> see(Connection& connection) {
  int schema = 0;
  connection.one_row(kSchema, soci::into(schema));
  if (schema != newest_schema()) {
    return fail(ErrorCode::conflict, "the database has schema " + std::to_string(schema) +
                                         ", this mecapy has " + std::to_string(newest_schema()) +
                                         ": serve brings it there");
  }
  MachinesSeen seen;
  seen.now = connection.now();
  seen.installation = installation_so_far(connection);
  auto left = machines_left(connection);
  if (!left) return left.error();
  auto wanted = machines_wanted(connection, seen.now, kMostWanted);
  if (!wanted) return wanted.error();
  auto reaped = reapings(connection);
  if (!reaped) return reaped.error();
  auto parts = leftovers(connection);
  if (!parts) return parts.error();
  seen.left = std::move(*left);
  seen.wanted = wanted->size();
  seen.reapings = std::move(*reaped);
  seen.leftovers = std::move(*parts);
  return seen;
}

}  // namespace

Result<MachinesSeen> see_machines_of_sqlite(const std::string& path) {
  auto connection = connect_sqlite(path, SqliteUse::read);
  if (!connection) return connection.error();
  (*connection)->set_now(base::SystemClock().now());
  try {
    return see(**connection);
  } catch (const soci::soci_error& e) {
    return (*connection)->translate(e);
  }
}

Result<MachinesSeen> see_machines_of_postgres(const std::string& url) {
  auto complete = complete_postgres_url(url);
  if (!complete) return complete.error();
  auto connection = connect_postgres(*complete, StatementLimits{});
  if (!connection) return connection.error();
  try {
    begin_postgres(**connection, Access::read);
    return see(**connection);
  } catch (const soci::soci_error& e) {
    return (*connection)->translate(e);
  }
}

}  // namespace mecapy::store
