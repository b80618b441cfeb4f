#include "store/end_sql.h"

#include <string>

#include "store/artifact_sql.h"
#include "store/column.h"
#include "store/cost_sql.h"
#include "store/failure_columns.h"
#include "store/text_codec.h"

namespace mecapy::store {
namespace {

using soci::use;

constexpr Sql kEnd =
    "UPDATE runs SET status = :status, finished_at = :now, claimant = NULL, lease_until = NULL,"
    " failure_code = :code, failure_message = :message, failure_traceback = :traceback,"
    " failure_line = :line, failure_column = :column,"
    " wall_us = :wall_us, cpu_us = :cpu_us, peak_memory_bytes = :peak_memory_bytes,"
    " setup_us = :setup_us, log_bytes = :log_bytes, result_bytes = :result_bytes,"
    " artifact_bytes = :artifact_bytes, written_bytes = :written_bytes,"
    " artifact_count = :artifact_count, log_truncated = :log_truncated,"
    " environment = :environment, result_key = :result_key, result = :result,"
    " log_key = :log_key, log = :log"
    " WHERE id = :id AND attempt = :attempt AND status = 'running'";
// Copies what is small, and names the row that has the rest.
constexpr Sql kEndFromCache =
    "UPDATE runs SET status = o.status, finished_at = :now, cached_from = o.id,"
    " payloads_of = o.id, artifact_count = o.artifact_count, log_truncated = o.log_truncated,"
    " environment = o.environment"
    " FROM runs o WHERE runs.id = :id AND runs.status = 'queued' AND o.id = :origin"
    " AND o.owner = runs.owner AND o.status = 'completed' AND o.cached_from IS NULL";

// What belongs to the end's status: a failure to failed, a result to completed.
std::optional<model::Failure> failure_of(const model::RunEnd& end) {
  if (end.status != model::RunStatus::failed) return std::nullopt;
  if (end.failure) return end.failure;
  return model::Failure{model::OutcomeCode::internal, "the run failed without a reason given"};
}

model::Payload result_of(const model::RunEnd& end) {
  return end.status == model::RunStatus::completed ? end.result : model::Payload{};
}

void use_usage(soci::statement& statement, const model::Usage& usage) {
  for (const model::UsageRow& row : model::kUsageTable) {
    statement.exchange(use(usage.*row.field, std::string(row.name)));
  }
}

}  // namespace

Result<bool> record_end(Connection& connection, base::TimePoint now, const Lease& lease,
                        const model::RunEnd& end, const CostRules& rules) {
  if (!model::is_end(end.status)) return fail(ErrorCode::internal, "this status is not an end");
  const long long us = to_us(now);
  const std::string& id = lease.run_id.str();
  const std::string status(model::name(end.status));
  const FailureColumns failure(failure_of(end));
  const model::Payload result = result_of(end);
  const std::string log = without_zeros(end.log.inline_bytes);
  const int artifact_count = static_cast<int>(end.artifacts.size());
  const int log_truncated = end.log_truncated ? 1 : 0;
  const auto parts = [&](soci::statement& s) {
    failure.use_in(s);
    use_usage(s, end.usage);
  };
  const long long ended = connection.execute(
      kEnd, use(status, "status"), use(us, "now"), parts, use(artifact_count, "artifact_count"),
      use(log_truncated, "log_truncated"), use(end.environment, "environment"),
      use(result.key, "result_key"), use(result.inline_bytes, "result"),
      use(end.log.key, "log_key"), use(log, "log"), use(id, "id"), use(lease.attempt, "attempt"));
  if (ended == 0) return false;
  insert_artifacts(connection, id, end.artifacts);
  const auto why = failure_of(end);
  charge_attempt(connection, now, rules, lease.run_id, {&end, why ? &*why : nullptr});
  return true;
}

bool end_from_cache(Connection& connection, base::TimePoint now, const model::Run& run) {
  const long long us = to_us(now);
  return connection.execute(kEndFromCache, use(us, "now"), use(run.id.str(), "id"),
                            use(run.cached_from.str(), "origin")) > 0;
}

}  // namespace mecapy::store
