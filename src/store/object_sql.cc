#include "store/object_sql.h"

#include <string>

#include "store/artifact_sql.h"

namespace mecapy::store {
namespace {

constexpr Sql kKeys =
    "SELECT status, inputs_key, result_key, log_key, artifact_count FROM runs WHERE id = :id";

// Of a run of a workflow, which can be resumed and then refer to others.
constexpr Sql kWorkflowKeys = "SELECT inputs_key, result_key FROM workflow_runs WHERE id = :id";

RunObjects objects_of(const model::RunId& id, bool ended, const std::vector<std::string>& keys) {
  RunObjects run{id, ended, {}};
  for (const std::string& key : keys) {
    if (!key.empty()) run.keys.push_back(key);
  }
  return run;
}

}  // namespace

Result<std::vector<RunObjects>> run_objects(Connection& connection,
                                            const std::vector<model::RunId>& ids) {
  std::vector<RunObjects> found;
  std::string status, inputs, result, log;
  int artifacts = 0;
  for (const model::RunId& id : ids) {
    if (!connection.one_row(kKeys, soci::into(status), soci::into(inputs), soci::into(result),
                            soci::into(log), soci::into(artifacts), soci::use(id.str(), "id"))) {
      if (connection.one_row(kWorkflowKeys, soci::into(inputs), soci::into(result),
                             soci::use(id.str(), "id"))) {
        found.push_back(objects_of(id, false, {inputs, result}));
      }
      continue;
    }
    RunObjects run =
        objects_of(id, model::is_end(*model::parse_status(status)), {inputs, result, log});
    if (artifacts > 0) {
      for (auto& artifact : read_artifacts(connection, id.str())) {
        run.keys.push_back(std::move(artifact.key));
      }
    }
    found.push_back(std::move(run));
  }
  return found;
}

}  // namespace mecapy::store
