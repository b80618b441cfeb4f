#include "store/secret_sql.h"

#include "store/column.h"
#include "store/machine_sql.h"
#include "store/reap_sql.h"

namespace mecapy::store {
namespace {

const std::string kProcesses = "processes";
const std::string kInstallation = "installation";

constexpr Sql kPropose =
    "INSERT INTO secrets (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING";
constexpr Sql kFind = "SELECT value FROM secrets WHERE name = :name";
constexpr Sql kRename = "UPDATE secrets SET value = :value WHERE name = :name";

// What the row `name` holds, `proposed` when it was not there.
Result<std::string> made_once(Connection& connection, const std::string& name,
                              const std::string& proposed) {
  connection.execute(kPropose, soci::use(name, "name"), soci::use(proposed, "value"));
  std::string value;
  if (!connection.one_row(kFind, soci::into(value), soci::use(name, "name"))) {
    return fail(ErrorCode::storage, "the database did not keep its " + name);
  }
  return value;
}

}  // namespace

Result<std::string> shared_secret(Connection& connection, const std::string& proposed) {
  return made_once(connection, kProcesses, proposed);
}

Result<std::string> installation(Connection& connection, base::TimePoint now,
                                 const std::string& name, const std::string& proposed) {
  auto kept = made_once(connection, kInstallation, name.empty() ? proposed : name);
  if (!kept || name.empty() || *kept == name) return kept;
  leave_machines(connection, now, "they were left to the installation " + *kept);
  forget_leftovers(connection);
  connection.execute(kRename, soci::use(name, "value"), soci::use(kInstallation, "name"));
  return name;
}

std::string installation_so_far(Connection& connection) {
  std::string name;
  connection.one_row(kFind, soci::into(name), soci::use(kInstallation, "name"));
  return name;
}

}  // namespace mecapy::store
