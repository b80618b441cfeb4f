// Machines, and the claims of their workers: the SQL every dialect shares. Each function runs
// within a transaction of the caller, who rolls back when it fails; it throws soci::soci_error. The
// contract is that of machines.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/connection.h"
#include "store/costs.h"
#include "store/machines.h"
#include "store/store.h"

namespace mecapy::store {

Result<std::vector<WantsMachine>> machines_wanted(Connection& connection, base::TimePoint now,
                                                  int limit);
Result<bool> intend_machine(Connection& connection, base::TimePoint now, const Intent& intent);
Result<std::vector<KeptMachine>> keep_machines(Connection& connection, base::TimePoint now,
                                               const std::string& keeper,
                                               std::chrono::microseconds care);
void take_over(Connection& connection, base::TimePoint now, const std::string& keeper,
               std::chrono::microseconds care);
Result<bool> change_machine(Connection& connection, base::TimePoint now,
                            const MachineChange& change, const CostRules& rules);
Result<std::vector<model::Machine>> machines_left(Connection& connection);
Result<MachinePage> machine_page(Connection& connection, base::TimePoint now,
                                 const PageRequest& request);
Result<std::optional<model::Machine>> machine_by_token(Connection& connection,
                                                       const std::string& token_hash);
Result<std::optional<model::Job>> take_job(Connection& connection, base::TimePoint now,
                                           const model::MachineId& id, const std::string& taker,
                                           std::chrono::microseconds lease);
void tell_waiting(Connection& connection, const model::RunId& id, const std::string& why);
bool give_up(Connection& connection, base::TimePoint now, const model::RunId& id,
             const model::Failure& why, const CostRules& rules);
bool any_machine_left(Connection& connection);
Result<std::vector<Lease>> dead_at_home(Connection& connection, base::TimePoint now, int limit);
void renew_at_home(Connection& connection, base::TimePoint now, std::chrono::microseconds lease);

// Machines of `placer` that are being removed are gone, as far as this database is concerned. Their
// number; conflict while one may be at work.
Result<int> leave_machines_of(Connection& connection, base::TimePoint now, const CostRules& rules,
                              const std::string& placer);
// All that are not gone are gone, as far as this database is concerned.
void leave_machines(Connection& connection, base::TimePoint now, const std::string& why);

}  // namespace mecapy::store
