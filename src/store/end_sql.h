// The single recorded end of a run: the SQL every dialect shares.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "model/run.h"
#include "store/connection.h"
#include "store/store.h"

namespace mecapy::store {

// Runs within a transaction of the caller, who rolls back when it fails; throws soci::soci_error.
// The contract is store.h's.
Result<bool> record_end(Connection& connection, base::TimePoint now, const Lease& lease,
                        const model::RunEnd& end);

// The end of a queued run that has run.end from another one, run.cached_from.
void end_from_cache(Connection& connection, base::TimePoint now, const model::Run& run);

}  // namespace mecapy::store
