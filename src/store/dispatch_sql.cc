#include "store/dispatch_sql.h"

#include <algorithm>
#include <utility>

#include "store/column.h"
#include "store/failure_columns.h"
#include "store/rows.h"
#include "store/text_codec.h"

namespace mecapy::store {
namespace {

using soci::use;

constexpr Sql kClaim =
    "UPDATE runs SET status = 'running', attempt = attempt + 1, claimant = :claimant,"
    " lease_until = :lease_until, started_at = COALESCE(started_at, :now)"
    " WHERE id = :id AND status = 'queued' AND not_before <= :now2"
    " RETURNING task_id, owner, version, attempt, inputs_key, inputs, queued_at";
constexpr Sql kCode =
    "SELECT limits, code FROM task_versions WHERE task_id = :task AND number = :number";

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

constexpr Sql kExpired =
    "SELECT id, attempt FROM runs WHERE status = 'running' AND lease_until <= :now"
    " ORDER BY lease_until LIMIT :limit";
constexpr Sql kExpiredOrForeign =
    "SELECT id, attempt FROM runs WHERE status = 'running'"
    " AND (lease_until <= :now OR claimant <> :claimant) ORDER BY lease_until LIMIT :limit";
constexpr Sql kQueued =
    "SELECT id, not_before FROM runs WHERE status = 'queued' AND id > :after"
    " ORDER BY id LIMIT :limit";

}  // namespace

Result<std::optional<model::Job>> claim(Connection& connection, base::TimePoint now,
                                        const Claim& claim) {
  const long long us = to_us(now);
  const long long lease_until = to_us(now + claim.lease);
  model::Job job;
  job.run_id = claim.id;
  std::string task, limits;
  int version = 0;
  long long queued_at = 0;
  const bool claimed = connection.one_row(
      kClaim, soci::into(task), soci::into(job.user), soci::into(version), soci::into(job.attempt),
      soci::into(job.inputs.key), soci::into(job.inputs.inline_bytes), soci::into(queued_at),
      use(claim.claimant, "claimant"), use(lease_until, "lease_until"), use(us, "now"),
      use(claim.id.str(), "id"), use(us, "now2"));
  if (!claimed) return std::optional<model::Job>();
  connection.one_row(kCode, soci::into(limits), soci::into(job.code), use(task, "task"),
                     use(version, "number"));
  job.waited = std::max(now - from_us(queued_at), std::chrono::microseconds(0));
  job.task_id = trusted_id<model::TaskId>(task);
  job.limits = decode_limits(limits);
  return std::optional(std::move(job));
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

bool requeue(Connection& connection, base::TimePoint now, const Requeue& request) {
  const long long not_before = to_us(now + request.pause);
  const FailureColumns failure(request.failure);
  const auto failure_values = [&](soci::statement& s) { failure.use_in(s); };
  return connection.execute(kRequeue, use(not_before, "not_before"), failure_values,
                            use(request.lease.run_id.str(), "id"),
                            use(request.lease.attempt, "attempt")) > 0;
}

bool end_cancelled(Connection& connection, base::TimePoint now, const Lease& lease) {
  const long long us = to_us(now);
  return connection.execute(kEndCancelled, use(us, "now"), use(lease.run_id.str(), "id"),
                            use(lease.attempt, "attempt")) > 0;
}

Result<std::vector<Lease>> dead_leases(Connection& connection, base::TimePoint now,
                                       const std::optional<std::string>& also_not_of, int limit) {
  const long long us = to_us(now);
  std::vector<Lease> leases;
  std::string id;
  int attempt = 0;
  const auto on_row = [&] { leases.push_back({trusted_id<model::RunId>(id), attempt}); };
  if (also_not_of) {
    connection.each_row(kExpiredOrForeign, on_row, soci::into(id), soci::into(attempt),
                        use(us, "now"), use(*also_not_of, "claimant"), use(limit, "limit"));
  } else {
    connection.each_row(kExpired, on_row, soci::into(id), soci::into(attempt), use(us, "now"),
                        use(limit, "limit"));
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
