// The single recorded end of a run: the SQL every dialect shares.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "model/run.h"
#include "store/connection.h"
#include "store/costs.h"
#include "store/store.h"

namespace mecapy::store {

// Runs within a transaction of the caller, who rolls back when it fails; throws soci::soci_error.
// The contract is store.h's.
Result<bool> record_end(Connection& connection, base::TimePoint now, const Lease& lease,
                        const model::RunEnd& end, const CostRules& rules);

// Ends a queued run as run.cached_from ended, whose payloads and artifacts are its own from now on.
// False when that is no run of the user's that was calculated and completed: then nothing was
// written.
bool end_from_cache(Connection& connection, base::TimePoint now, const model::Run& run);

}  // namespace mecapy::store
