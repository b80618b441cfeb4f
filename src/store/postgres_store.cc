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
constexpr Sql kLock = "SELECT pg_advisory_lock(7302958631)";
constexpr Sql kVersion = "SELECT current_setting('server_version_num')";

Result<void> prepare(Connection& connection) {
  try {
    std::string version;
    connection.one_row(kVersion, soci::into(version));
    if (std::stoi(version) < kOldestServer) {
      return fail(ErrorCode::usage, "the database is PostgreSQL " + version +
                                        " by its own number; 150000 (PostgreSQL 15) is needed");
    }
    connection.execute(kLock);
    connection.set_now(server_time(connection));
  } catch (const soci::soci_error& e) {
    return connection.translate(e);
  }
  return migrate(connection, kPostgresWords);
}

}  // namespace

Result<std::unique_ptr<Store>> open_postgres(PostgresOptions options) {
  auto url = complete_postgres_url(options.url);
  if (!url) return url.error();
  options.url = std::move(*url);
  // The lock goes with this connection.
  auto connection = connect_postgres(options.url, options.limits);
  if (!connection) return connection.error();
  if (auto done = prepare(**connection); !done) return done.error();
  return make_sql_store(std::make_unique<PostgresPool>(std::move(options)));
}

}  // namespace mecapy::store
