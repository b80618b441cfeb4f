#include "store/idempotency_sql.h"

#include "store/column.h"

namespace mecapy::store {
namespace {

constexpr Sql kTake =
    "INSERT INTO idempotency"
    " (owner, idempotency_key, request_hash, kind, resource_id, created_at)"
    " VALUES (:owner, :key, :hash, :kind, :resource, :now)"
    " ON CONFLICT (owner, idempotency_key) DO NOTHING";
constexpr Sql kFind =
    "SELECT request_hash, kind, resource_id FROM idempotency"
    " WHERE owner = :owner AND idempotency_key = :key";
constexpr Sql kPrune = "DELETE FROM idempotency WHERE created_at < :before";

}  // namespace

Result<std::optional<std::string>> take_key(Connection& connection,
                                            const std::optional<Idempotency>& key,
                                            const KeyUse& use) {
  if (!key) return std::optional<std::string>();
  const long long now = to_us(use.now);
  const long long taken =
      connection.execute(kTake, soci::use(use.owner, "owner"), soci::use(key->key, "key"),
                         soci::use(key->request_hash, "hash"), soci::use(use.kind, "kind"),
                         soci::use(use.resource_id, "resource"), soci::use(now, "now"));
  if (taken > 0) return std::optional<std::string>();
  return find_key(connection, *key, use.owner, use.kind);
}

Result<std::optional<std::string>> find_key(Connection& connection, const Idempotency& key,
                                            const std::string& owner, const std::string& kind) {
  std::string hash, used_for, resource;
  const bool found =
      connection.one_row(kFind, soci::into(hash), soci::into(used_for), soci::into(resource),
                         soci::use(owner, "owner"), soci::use(key.key, "key"));
  if (!found) return std::optional<std::string>();
  if (hash != key.request_hash || used_for != kind) {
    return fail(ErrorCode::idempotency_mismatch,
                "this Idempotency-Key was used before for another request");
  }
  return std::optional(resource);
}

void prune_keys(Connection& connection, base::TimePoint before) {
  const long long us = to_us(before);
  connection.execute(kPrune, soci::use(us, "before"));
}

}  // namespace mecapy::store
