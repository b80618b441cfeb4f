#include "store/dispatch_sql.h"

#include <algorithm>
#include <utility>

#include "store/claim_row.h"
#include "store/column.h"
#include "store/cost_sql.h"
#include "store/failure_columns.h"
#include "store/rows.h"

namespace mecapy::store {
namespace {

using soci::use;

// A run that wants a machine of its own is claimed by that one's worker (machine_sql.h).
constexpr char kShort[] = " AND backend <> 'dedicated_instance'";

constexpr auto kClaimText = join_sql(
    "UPDATE runs SET status = 'running', attempt = attempt + 1, claimant = :claimant,"
    " lease_until = :lease_until, started_at = COALESCE(started_at, :now), claimed_at = :now1,"
    " waiting = '', resumed_from = checkpoint_attempt"
    " WHERE id = :id AND status = 'queued' AND not_before <= :now2",
    kShort, " RETURNING ", kClaimColumns);
constexpr Sql kClaim = kClaimText;

// Waits for whoever changes the row; a condition that the row as it was does not meet would not.
constexpr Sql kAwaitRow = "UPDATE runs SET claimant = claimant WHERE id = :id";
constexpr Sql kExtend =
    "UPDATE runs SET lease_until = :lease_until"
    " WHERE id = :id AND attempt = :attempt AND claimant = :claimant AND status = 'running'"
    " RETURNING cancel_requested";

// A cancel that was asked for wins over another attempt.
constexpr Sql kRequeue =
    "UPDATE runs SET status = 'queued', not_before = :not_before, claimant = NULL,"
    " lease_until = NULL, failure_code = :code, failure_message = :message,"
    " failure_traceback = :traceback, failure_line = :line, failure_column = :column"
    " WHERE id = :id AND attempt = :attempt AND status = 'running' AND cancel_requested = 0";
constexpr Sql kEndCancelled =
    "UPDATE runs SET status = 'cancelled', finished_at = :now, claimant = NULL,"
    " lease_until = NULL, failure_code = NULL, failure_message = NULL, failure_traceback = NULL,"
    " failure_line = NULL, failure_column = NULL"
    " WHERE id = :id AND attempt = :attempt AND status = 'running' AND cancel_requested = 1";

// Of the same attempt, once: it goes from one way to the other.
constexpr Sql kMove =
    "UPDATE runs SET status = 'queued', not_before = :now, claimant = NULL, lease_until = NULL,"
    " moved_from = backend, backend = 'dedicated_instance', failure_code = :code,"
    " failure_message = :message, failure_traceback = :traceback, failure_line = :line,"
    " failure_column = :column"
    " WHERE id = :id AND attempt = :attempt AND status = 'running' AND cancel_requested = 0"
    " AND moved_from = ''";

constexpr char kExpiredSelect[] =
    "SELECT id, attempt FROM runs WHERE status = 'running' AND (lease_until <= :now";
constexpr char kExpiredEnd[] = " ORDER BY lease_until LIMIT :limit";
constexpr auto kExpiredText = join_sql(kExpiredSelect, ")", kShort, kExpiredEnd);
constexpr Sql kExpired = kExpiredText;
constexpr auto kExpiredOrForeignText =
    join_sql(kExpiredSelect, " OR claimant <> :claimant)", kShort, kExpiredEnd);
constexpr Sql kExpiredOrForeign = kExpiredOrForeignText;
// A process that stands still amid a transaction holds its rows until the server ends that.
constexpr char kUnlocked[] = " FOR NO KEY UPDATE SKIP LOCKED";
constexpr auto kExpiredUnlockedText = join_sql(kExpiredText.text, kUnlocked);
constexpr Sql kExpiredUnlocked = kExpiredUnlockedText;
constexpr auto kExpiredOrForeignUnlockedText = join_sql(kExpiredOrForeignText.text, kUnlocked);
constexpr Sql kExpiredOrForeignUnlocked = kExpiredOrForeignUnlockedText;
constexpr auto kQueuedText =
    join_sql("SELECT id, not_before FROM runs WHERE status = 'queued' AND id > :after", kShort,
             " ORDER BY id LIMIT :limit");
constexpr Sql kQueued = kQueuedText;

}  // namespace

Result<std::optional<model::Job>> claim(Connection& connection, base::TimePoint now,
                                        const Claim& claim) {
  const long long us = to_us(now);
  const long long lease_until = to_us(now + claim.lease);
  ClaimRow row;
  const auto columns = [&](soci::statement& s) { row.into(s); };
  const bool claimed = connection.one_row(
      kClaim, columns, use(claim.claimant, "claimant"), use(lease_until, "lease_until"),
      use(us, "now"), use(us, "now1"), use(claim.id.str(), "id"), use(us, "now2"));
  if (!claimed) return std::optional<model::Job>();
  return std::optional(row.job(connection, now));
}

bool is_held(Connection& connection, base::TimePoint now, const Claim& claim, int attempt) {
  connection.execute(kAwaitRow, use(claim.id.str(), "id"));
  const std::vector<Lease> lease{{claim.id, attempt}};
  const auto report = extend_leases(connection, now, claim.claimant, lease, claim.lease);
  return report && report->lost.empty();
}

Result<LeaseReport> extend_leases(Connection& connection, base::TimePoint now,
                                  const std::string& claimant, const std::vector<Lease>& leases,
                                  std::chrono::microseconds lease_for) {
  LeaseReport report;
  const long long us = to_us(now + lease_for);
  for (const Lease& lease : leases) {
    int cancel = 0;
    const bool held = connection.one_row(kExtend, soci::into(cancel), use(us, "lease_until"),
                                         use(lease.run_id.str(), "id"),
                                         use(lease.attempt, "attempt"), use(claimant, "claimant"));
    if (!held) report.lost.push_back(lease.run_id);
    if (held && cancel != 0) report.cancel_requested.push_back(lease.run_id);
  }
  return report;
}

bool requeue(Connection& connection, base::TimePoint now, const Requeue& request,
             const CostRules& rules) {
  const long long not_before = to_us(now + request.pause);
  const FailureColumns failure(request.failure);
  const auto failure_values = [&](soci::statement& s) { failure.use_in(s); };
  const bool done = connection.execute(kRequeue, use(not_before, "not_before"), failure_values,
                                       use(request.lease.run_id.str(), "id"),
                                       use(request.lease.attempt, "attempt")) > 0;
  if (!done) return false;
  charge_attempt(connection, now, rules, request.lease.run_id, {nullptr, &request.failure});
  return true;
}

bool move(Connection& connection, base::TimePoint now, const Lease& lease,
          const model::Failure& why, const CostRules& rules) {
  const long long us = to_us(now);
  const FailureColumns failure(why);
  const auto failure_values = [&](soci::statement& s) { failure.use_in(s); };
  const bool done =
      connection.execute(kMove, use(us, "now"), failure_values, use(lease.run_id.str(), "id"),
                         use(lease.attempt, "attempt")) > 0;
  if (done) charge_moved(connection, now, rules, lease.run_id);
  return done;
}

bool end_cancelled(Connection& connection, base::TimePoint now, const Lease& lease,
                   const CostRules& rules) {
  const long long us = to_us(now);
  const bool done = connection.execute(kEndCancelled, use(us, "now"), use(lease.run_id.str(), "id"),
                                       use(lease.attempt, "attempt")) > 0;
  if (done) charge_attempt(connection, now, rules, lease.run_id, {});
  return done;
}

Result<std::vector<Lease>> dead_leases(Connection& connection, base::TimePoint now,
                                       const std::optional<std::string>& also_not_of, int limit) {
  const long long us = to_us(now);
  std::vector<Lease> leases;
  std::string id;
  int attempt = 0;
  const auto on_row = [&] { leases.push_back({trusted_id<model::RunId>(id), attempt}); };
  const bool rows = connection.locks() == Connection::Locks::rows;
  if (also_not_of) {
    connection.each_row(rows ? kExpiredOrForeignUnlocked : kExpiredOrForeign, on_row,
                        soci::into(id), soci::into(attempt), use(us, "now"),
                        use(*also_not_of, "claimant"), use(limit, "limit"));
  } else {
    connection.each_row(rows ? kExpiredUnlocked : kExpired, on_row, soci::into(id),
                        soci::into(attempt), use(us, "now"), use(limit, "limit"));
  }
  return leases;
}

Result<std::vector<QueuedRun>> queued_runs(Connection& connection, base::TimePoint now,
                                           const std::string& after, int limit) {
  std::vector<QueuedRun> runs;
  std::string id;
  long long not_before = 0;
  connection.each_row(
      kQueued,
      [&] {
        const auto pause = std::max(from_us(not_before) - now, std::chrono::microseconds(0));
        runs.push_back({trusted_id<model::RunId>(id), pause});
      },
      soci::into(id), soci::into(not_before), use(after, "after"), use(limit, "limit"));
  return runs;
}

}  // namespace mecapy::store
