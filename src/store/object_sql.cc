#include "store/object_sql.h"

#include <string>

#include "store/artifact_sql.h"

namespace mecapy::store {
namespace {

constexpr Sql kKeys =
    "SELECT status, inputs_key, result_key, log_key, artifact_count FROM runs WHERE id = :id";

}  // namespace

Result<std::vector<RunObjects>> run_objects(Connection& connection,
                                            const std::vector<model::RunId>& ids) {
  std::vector<RunObjects> found;
  std::string status, inputs, result, log;
  int artifacts = 0;
  for (const model::RunId& id : ids) {
    if (!connection.one_row(kKeys, soci::into(status), soci::into(inputs), soci::into(result),
                            soci::into(log), soci::into(artifacts), soci::use(id.str(), "id"))) {
      continue;
    }
    RunObjects run{id, model::is_end(*model::parse_status(status)), {}};
    for (const std::string& key : {inputs, result, log}) {
      if (!key.empty()) run.keys.push_back(key);
    }
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
