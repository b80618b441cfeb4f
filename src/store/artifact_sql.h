// The artifacts of a run: the SQL every dialect shares. Throws soci::soci_error.
#pragma once

#include <string>
#include <vector>

#include "model/run.h"
#include "store/connection.h"

namespace mecapy::store {

void insert_artifacts(Connection& connection, const std::string& run_id,
                      const std::vector<model::Artifact>& artifacts);
// In the order they were recorded.
std::vector<model::Artifact> read_artifacts(Connection& connection, const std::string& run_id);

}  // namespace mecapy::store
