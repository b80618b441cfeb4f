// The store over PostgreSQL: a pool of connections.
#include <utility>

#include "store/migrations.h"
#include "store/postgres_connection.h"
#include "store/postgres_pool.h"
#include "store/store.h"

namespace mecapy::store {
namespace {

constexpr int kOldestServer = 150'000;  // as PostgreSQL numbers its versions
// Held while migrating, so that of several processes one does it. The number is ours alone.
constexpr Sql kTryLock = "SELECT CAST(pg_try_advisory_lock(7302958631) AS INTEGER)";
constexpr Sql kLock = "SELECT pg_advisory_lock(7302958631)";
constexpr Sql kVersion = "SELECT current_setting('server_version_num')";

// A step over a large table takes as long as it takes. Who waits for another's steps, or for a
// table that is in use, waits for minutes.
constexpr StatementLimits kWhileMigrating{.statement = std::chrono::milliseconds(0),
                                          .lock = std::chrono::minutes(10)};

Result<void> lock(Connection& connection, const std::function<void()>& on_migration) {
  int locked = 0;
  connection.one_row(kTryLock, soci::into(locked));
  if (locked != 0) return {};
  if (on_migration) on_migration();
  try {
    connection.execute(kLock);
    return {};
  } catch (const soci::soci_error& e) {
    Error error = connection.translate(e);
    if (error.code != ErrorCode::busy) return error;
    return fail(ErrorCode::storage,
                "another process brings the database to its schema, for more than 10 minutes now");
  }
}

Result<void> prepare(Connection& connection, const std::function<void()>& on_migration) {
  try {
    std::string version;
    connection.one_row(kVersion, soci::into(version));
    if (std::stoi(version) < kOldestServer) {
      return fail(ErrorCode::usage, "the database is PostgreSQL " + version +
                                        " by its own number; 150000 (PostgreSQL 15) is needed");
    }
    if (auto locked = lock(connection, on_migration); !locked) return locked.error();
    connection.set_now(server_time(connection));
  } catch (const soci::soci_error& e) {
    return connection.translate(e);
  }
  return migrate(connection, kPostgresWords, on_migration);
}

}  // namespace

Result<std::unique_ptr<Store>> open_postgres(PostgresOptions options) {
  auto url = complete_postgres_url(options.url);
  if (!url) return url.error();
  options.url = std::move(*url);
  // The lock goes with this connection.
  auto connection = connect_postgres(options.url, kWhileMigrating);
  if (!connection) return connection.error();
  if (auto done = prepare(**connection, options.on_migration); !done) return done.error();
  CostRules costs = std::move(options.costs);
  return make_sql_store(std::make_unique<PostgresPool>(std::move(options)), std::move(costs));
}

}  // namespace mecapy::store
