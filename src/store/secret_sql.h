// The secret that all processes on a database share: the SQL every dialect shares.
#pragma once

#include <string>

#include "base/result.h"
#include "store/connection.h"

namespace mecapy::store {

// The database's secret; `proposed` becomes it when there is none yet. In a transaction that may
// write.
Result<std::string> shared_secret(Connection& connection, const std::string& proposed);

}  // namespace mecapy::store
