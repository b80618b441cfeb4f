// What runs cost, and the sums of it: the SQL every dialect shares.
//
// A run has its cost in its own row, and its share in the row of `costs` for its day, owner, task
// and backend: each change of the one is made to the other in the same transaction, so that sums
// are those of the runs. Rows of `costs` are kept in parts (`shard`), by the run's id: runs that
// end at the same time seldom wait for one row.
#pragma once

#include "base/clock.h"
#include "model/cost.h"
#include "store/connection.h"
#include "store/costs.h"
#include "store/store.h"

namespace mecapy::store {

// An attempt that is over.
struct SpentAttempt {
  const model::RunEnd* end = nullptr;       // as it was told; nothing when nobody could
  const model::Failure* failure = nullptr;  // why it failed, where it did
};

// What follows is within a transaction that has changed the run's row; throws soci::soci_error.
// Without a pricing nothing is kept.

// Adds the attempt that is over to what its run costs, or, without one, that the run has ended.
void charge_attempt(Connection& connection, base::TimePoint now, const CostRules& rules,
                    const model::RunId& run, const SpentAttempt& attempt);
void charge_ended(Connection& connection, const CostRules& rules, const model::RunId& run);
// The attempt that outlived the backend which the run was moved from; and what is expected of the
// run now.
void charge_moved(Connection& connection, base::TimePoint now, const CostRules& rules,
                  const model::RunId& run);
// A machine that is gone, from being asked for until now: nothing where none was made.
void charge_machine(Connection& connection, base::TimePoint now, const CostRules& rules,
                    const model::MachineId& machine);
// Keeps the row of the machine's run as it is until the transaction ends: whoever changes both
// changes the run first.
void lock_run_of(Connection& connection, const model::MachineId& machine);

}  // namespace mecapy::store
