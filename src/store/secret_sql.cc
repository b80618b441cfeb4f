#include "store/secret_sql.h"

#include "store/column.h"

namespace mecapy::store {
namespace {

// The only row.
const std::string kName = "processes";

constexpr Sql kPropose =
    "INSERT INTO secrets (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING";
constexpr Sql kFind = "SELECT value FROM secrets WHERE name = :name";

}  // namespace

Result<std::string> shared_secret(Connection& connection, const std::string& proposed) {
  connection.execute(kPropose, soci::use(kName, "name"), soci::use(proposed, "value"));
  std::string secret;
  if (!connection.one_row(kFind, soci::into(secret), soci::use(kName, "name"))) {
    return fail(ErrorCode::storage, "the database did not keep its secret");
  }
  return secret;
}

}  // namespace mecapy::store
