#include "store/checkpoint_sql.h"

#include "store/column.h"

namespace mecapy::store {
namespace {

using soci::use;

constexpr Sql kBefore = "SELECT checkpoint_attempt, checkpoint_number FROM runs WHERE id = :id";
constexpr Sql kKeep =
    "UPDATE runs SET checkpoint_attempt = :saved_by, checkpoint_number = :number,"
    " checkpoint_bytes = :bytes, checkpoint_at = :now, checkpoint_sha256 = :sha256"
    " WHERE id = :id AND attempt = :attempt AND status = 'running'"
    " AND (checkpoint_attempt < :attempt2 OR checkpoint_number < :number2)";
constexpr Sql kDrop =
    "UPDATE runs SET checkpoint_attempt = 0, checkpoint_number = 0, checkpoint_bytes = 0,"
    " checkpoint_at = 0, checkpoint_sha256 = '', resumed_from = 0"
    " WHERE id = :id AND attempt = :attempt AND status = 'running'"
    " AND checkpoint_attempt < :attempt2";

model::Checkpoint before(Connection& connection, const std::string& id) {
  model::Checkpoint found;
  long long number = 0;
  connection.one_row(kBefore, soci::into(found.attempt), soci::into(number), use(id, "id"));
  found.number = number;
  return found;
}

}  // namespace

std::optional<std::string> keep_checkpoint(Connection& connection, base::TimePoint now,
                                           const Lease& lease,
                                           const model::Checkpoint& checkpoint) {
  const std::string& id = lease.run_id.str();
  const long long us = to_us(now);
  const long long number = checkpoint.number;
  const long long bytes = checkpoint.size;
  const model::Checkpoint last = before(connection, id);
  const bool kept =
      connection.execute(kKeep, use(lease.attempt, "saved_by"), use(number, "number"),
                         use(bytes, "bytes"), use(us, "now"), use(checkpoint.sha256, "sha256"),
                         use(id, "id"), use(lease.attempt, "attempt"),
                         use(lease.attempt, "attempt2"), use(number, "number2")) > 0;
  if (kept) {
    if (last.number == 0) return std::nullopt;
    return model::checkpoint_key(id, last);
  }
  const bool told_again = last.attempt == lease.attempt && last.number == number;
  if (told_again) return std::nullopt;
  model::Checkpoint mine;
  mine.attempt = lease.attempt;
  mine.number = number;
  return model::checkpoint_key(id, mine);
}

std::optional<std::string> drop_checkpoint(Connection& connection, const Lease& lease) {
  const std::string& id = lease.run_id.str();
  const model::Checkpoint last = before(connection, id);
  const bool dropped = connection.execute(kDrop, use(id, "id"), use(lease.attempt, "attempt"),
                                          use(lease.attempt, "attempt2")) > 0;
  if (!dropped || last.number == 0) return std::nullopt;
  return model::checkpoint_key(id, last);
}

}  // namespace mecapy::store
