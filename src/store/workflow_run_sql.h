// Runs of workflows: the SQL every dialect shares. As run_sql.h; the contract is workflows.h's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/connection.h"
#include "store/workflows.h"

namespace mecapy::store {

Result<Created<model::WorkflowRun>> begin_workflow_run(Connection& connection, base::TimePoint now,
                                                       model::WorkflowRun run, const Care& care,
                                                       const std::optional<Idempotency>& key);
Result<std::optional<model::WorkflowRun>> workflow_run_made_by(Connection& connection,
                                                               const std::string& user,
                                                               const Idempotency& key);
Result<model::WorkflowRun> get_workflow_run(Connection& connection, const std::string& user,
                                            const model::WorkflowRunId& id);
Result<std::optional<model::WorkflowRun>> latest_workflow_run(Connection& connection,
                                                              const std::string& user,
                                                              const model::WorkflowId& id);
Result<Page<model::WorkflowRun>> list_workflow_runs(Connection& connection, const std::string& user,
                                                    const WorkflowRunFilter& filter,
                                                    const PageRequest& page);
Result<model::WorkflowRun> request_workflow_cancel(Connection& connection, const std::string& user,
                                                   const model::WorkflowRunId& id);
bool resume_workflow_run(Connection& connection, base::TimePoint now, const model::WorkflowRun& run,
                         const Care& care);
std::optional<double> cost_of_workflow_run(Connection& connection, const model::WorkflowRunId& id);
std::vector<ElementRun> element_runs(Connection& connection, const model::WorkflowRunId& id,
                                     int node, int after, int limit);

std::vector<model::WorkflowRunId> take_workflow_runs(Connection& connection, base::TimePoint now,
                                                     const Care& care, bool also_of_others,
                                                     int limit);
void extend_workflow_runs(Connection& connection, base::TimePoint now, const Care& care);
Result<model::WorkflowRun> load_workflow_run(Connection& connection, const model::WorkflowRunId& id,
                                             const std::string& claimant);
// False where the revision is another, or it is in another's care: then nothing was written.
bool write_step(Connection& connection, base::TimePoint now, const WorkflowStep& step);
std::vector<NodeRunEnd> run_ends(Connection& connection, const std::vector<model::RunId>& ids,
                                 bool with_results);

}  // namespace mecapy::store
