// What all processes on a database share, a secret and a name: the SQL every dialect shares.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "store/connection.h"

namespace mecapy::store {

// The database's secret; `proposed` becomes it when there is none yet. In a transaction that may
// write.
Result<std::string> shared_secret(Connection& connection, const std::string& proposed);

// The installation's name, as store.h tells; `proposed` becomes it when there is none yet and no
// other name is asked for.
Result<std::string> installation(Connection& connection, base::TimePoint now,
                                 const std::string& name, const std::string& proposed);
// The same, when there is one; "" when there is none yet. Writes nothing.
std::string installation_so_far(Connection& connection);

}  // namespace mecapy::store
