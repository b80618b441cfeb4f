#include "store/artifact_sql.h"

#include "store/column.h"

namespace mecapy::store {
namespace {

using soci::use;

constexpr Sql kInsert =
    "INSERT INTO artifacts (run_id, position, name, size, content_type, sha256, object_key)"
    " VALUES (:run, :position, :name, :size, :content_type, :sha256, :object_key)";
constexpr Sql kRead =
    "SELECT name, size, content_type, sha256, object_key FROM artifacts"
    " WHERE run_id = :run ORDER BY position";

}  // namespace

void insert_artifacts(Connection& connection, const std::string& run_id,
                      const std::vector<model::Artifact>& artifacts) {
  int position = 0;
  for (const model::Artifact& artifact : artifacts) {
    const long long size = artifact.size;
    connection.execute(kInsert, use(run_id, "run"), use(position, "position"),
                       use(artifact.name, "name"), use(size, "size"),
                       use(artifact.content_type, "content_type"), use(artifact.sha256, "sha256"),
                       use(artifact.key, "object_key"));
    ++position;
  }
}

std::vector<model::Artifact> read_artifacts(Connection& connection, const std::string& run_id) {
  std::vector<model::Artifact> artifacts;
  model::Artifact row;
  long long size = 0;
  connection.each_row(
      kRead,
      [&] {
        row.size = size;
        artifacts.push_back(row);
      },
      soci::into(row.name), soci::into(size), soci::into(row.content_type), soci::into(row.sha256),
      soci::into(row.key), use(run_id, "run"));
  return artifacts;
}

}  // namespace mecapy::store
