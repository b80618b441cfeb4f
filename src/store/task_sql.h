// Tasks and their versions: the SQL every dialect shares. Each function runs within a transaction
// of the caller, who rolls back when it fails; it throws soci::soci_error. The contract is
// store.h's.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "model/task.h"
#include "store/connection.h"
#include "store/store.h"

namespace mecapy::store {

Result<Created<model::Task>> create_task(Connection& connection, base::TimePoint now,
                                         model::Task task, const std::optional<Idempotency>& key);
Result<std::optional<model::Task>> task_made_by(Connection& connection, const std::string& user,
                                                const Idempotency& key);
// Writes the task and its version 1, and sets what the store sets. The id is new.
void insert_task(Connection& connection, base::TimePoint now, model::Task& task);

Result<model::Task> get_task(Connection& connection, const std::string& user,
                             const model::TaskId& id, std::optional<int> version);
Result<Page<model::Task>> list_tasks(Connection& connection, const std::string& user,
                                     const PageRequest& page);
Result<model::Task> update_task(Connection& connection, base::TimePoint now,
                                const std::string& user, const model::TaskId& id,
                                const TaskChange& change);
Result<void> delete_task(Connection& connection, base::TimePoint now, const std::string& user,
                         const model::TaskId& id);
// Whether the task is this user's, deleted or not.
bool owns_task(Connection& connection, const std::string& user, const model::TaskId& id);

}  // namespace mecapy::store
