// The part of workflows over any SQL database.
#pragma once

#include <memory>

#include "store/sql_store.h"
#include "store/workflows.h"

namespace mecapy::store {

// `database` outlives it.
std::unique_ptr<Workflows> make_sql_workflows(Database& database, CostRules costs);

}  // namespace mecapy::store
