// The object keys runs refer to: the SQL every dialect shares. Throws soci::soci_error.
#pragma once

#include <vector>

#include "store/connection.h"
#include "store/store.h"

namespace mecapy::store {

Result<std::vector<RunObjects>> run_objects(Connection& connection,
                                            const std::vector<model::RunId>& ids);

}  // namespace mecapy::store
