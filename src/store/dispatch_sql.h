// Claims, leases and retries: the SQL every dialect shares. Each function runs within a transaction
// of the caller, who rolls back when it fails; it throws soci::soci_error. The contract is
// store.h's.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/run.h"
#include "store/connection.h"
#include "store/store.h"

namespace mecapy::store {

// What a claim writes on the run.
struct Claim {
  model::RunId id;
  std::string claimant;
  std::chrono::microseconds lease{};
};

Result<std::optional<model::Job>> claim(Connection& connection, base::TimePoint now,
                                        const Claim& claim);
// Whether `attempt` of the run is what `claim` made of it; if so, its lease begins now. Waits for a
// transaction that is about to commit the claim.
bool is_held(Connection& connection, base::TimePoint now, const Claim& claim, int attempt);
Result<LeaseReport> extend_leases(Connection& connection, base::TimePoint now,
                                  const std::string& claimant, const std::vector<Lease>& leases,
                                  std::chrono::microseconds lease_for);
// The half of Store::requeue that ends nothing: whether the run waits again.
bool requeue(Connection& connection, base::TimePoint now, const Requeue& request,
             const CostRules& rules);
// Whether the run waits again, for a machine of its own.
bool move(Connection& connection, base::TimePoint now, const Lease& lease,
          const model::Failure& why, const CostRules& rules);
bool end_cancelled(Connection& connection, base::TimePoint now, const Lease& lease,
                   const CostRules& rules);
Result<std::vector<Lease>> dead_leases(Connection& connection, base::TimePoint now,
                                       const std::optional<std::string>& also_not_of, int limit);
Result<std::vector<QueuedRun>> queued_runs(Connection& connection, base::TimePoint now,
                                           const std::string& after, int limit);

}  // namespace mecapy::store
