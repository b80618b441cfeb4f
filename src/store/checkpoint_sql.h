// What attempts save for those after them: the SQL every dialect shares. Each function runs within
// a transaction of the caller, who rolls back when it fails; it throws soci::soci_error. The
// contract is store.h's.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "model/run.h"
#include "store/connection.h"
#include "store/store.h"

namespace mecapy::store {

std::optional<std::string> keep_checkpoint(Connection& connection, base::TimePoint now,
                                           const Lease& lease, const model::Checkpoint& checkpoint);
std::optional<std::string> drop_checkpoint(Connection& connection, const Lease& lease);

}  // namespace mecapy::store
