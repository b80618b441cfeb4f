// What could not be removed of machines, and who compares: the SQL every dialect shares.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/connection.h"
#include "store/machines.h"

namespace mecapy::store {

bool begin_reaping(Connection& connection, base::TimePoint now, const std::string& placer,
                   const std::string& keeper, std::chrono::microseconds lease,
                   std::chrono::microseconds pause);
bool renew_reaping(Connection& connection, base::TimePoint now, const std::string& placer,
                   const std::string& keeper, std::chrono::microseconds lease);
void end_reaping(Connection& connection, base::TimePoint now, const Reaped& reaped);
// Whoever is at it is dead.
void forget_reapers(Connection& connection);
Result<std::vector<Reaping>> reapings(Connection& connection);
Result<std::vector<Leftover>> leftovers(Connection& connection);
// How a placer was compared, and what it left over. Whether there was any of it.
bool forget_reaping(Connection& connection, const std::string& placer);
// Of another installation's machines nothing is known here.
void forget_leftovers(Connection& connection);

}  // namespace mecapy::store
