// Workflows that people keep: the SQL every dialect shares. As run_sql.h; the contract is
// workflows.h's.
#pragma once

#include <optional>
#include <string>

#include "store/connection.h"
#include "store/workflows.h"

namespace mecapy::store {

Result<Created<model::KeptWorkflow>> create_workflow(Connection& connection, base::TimePoint now,
                                                     model::KeptWorkflow workflow,
                                                     const std::optional<Idempotency>& key);
Result<std::optional<model::KeptWorkflow>> workflow_made_by(Connection& connection,
                                                            const std::string& user,
                                                            const Idempotency& key);
Result<model::KeptWorkflow> get_workflow(Connection& connection, const std::string& user,
                                         const model::WorkflowId& id, std::optional<int> version);
Result<Page<model::KeptWorkflow>> list_workflows(Connection& connection, const std::string& user,
                                                 const PageRequest& page);
Result<model::KeptWorkflow> update_workflow(Connection& connection, base::TimePoint now,
                                            const std::string& user, const model::WorkflowId& id,
                                            const WorkflowChange& change);
Result<void> delete_workflow(Connection& connection, base::TimePoint now, const std::string& user,
                             const model::WorkflowId& id);

}  // namespace mecapy::store
