// Sums of what runs cost, and budgets: the SQL every dialect shares.
#pragma once

#include "base/result.h"
#include "model/run.h"
#include "store/connection.h"
#include "store/costs.h"

namespace mecapy::store {

Result<CostsPage> costs(Connection& connection, const CostsQuery& query);

// Within the transaction that makes `run`, before it does: what its owner has spent and what is
// expected of his runs that have not ended, without this one, EUR. budget_exhausted when the budget
// has no room for the run. Submits of one owner pass one after another.
Result<double> pass_budget(Connection& connection, base::TimePoint now, const model::Run& run,
                           const Budget& budget, const CostRules& rules);

}  // namespace mecapy::store
