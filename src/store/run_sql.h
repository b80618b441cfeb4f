// Runs as their user sees them: the SQL every dialect shares. Each function runs within a
// transaction of the caller, who rolls back when it fails; it throws soci::soci_error. The contract
// is store.h's.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "model/run.h"
#include "store/connection.h"
#include "store/store.h"

namespace mecapy::store {

// What a submit comes with.
struct SubmitTerms {
  std::optional<Idempotency> key{};
  std::optional<Budget> budget{};
  const CostRules& costs;
};
Result<Created<model::Run>> submit_run(Connection& connection, base::TimePoint now, model::Run run,
                                       const SubmitTerms& terms);
// The same within a transaction that does more.
Result<Created<model::Run>> new_run(Connection& connection, base::TimePoint now, model::Run run,
                                    const SubmitTerms& terms);
Result<Created<model::Run>> submit_ad_hoc(Connection& connection, base::TimePoint now,
                                          model::Task task, model::Run run,
                                          const SubmitTerms& terms);
Result<std::optional<model::Run>> run_made_by(Connection& connection, const std::string& user,
                                              const Idempotency& key);
Result<model::Run> get_run(Connection& connection, const std::string& user, const model::RunId& id);
Result<std::optional<model::Run>> cached_run(Connection& connection, base::TimePoint now,
                                             const std::string& user, const CacheQuery& query);
Result<std::optional<model::Run>> latest_run(Connection& connection, const std::string& user,
                                             const model::TaskId& id);
Result<std::vector<std::chrono::microseconds>> durations(Connection& connection,
                                                         const model::TaskId& task, int version,
                                                         int limit);
Result<Page<model::Run>> list_runs(Connection& connection, const std::string& user,
                                   const RunFilter& filter, const PageRequest& page);
Result<model::Run> request_cancel(Connection& connection, base::TimePoint now,
                                  const std::string& user, const model::RunId& id,
                                  const CostRules& rules);

}  // namespace mecapy::store
