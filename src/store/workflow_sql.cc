#include "store/workflow_sql.h"

#include <utility>

#include "store/column.h"
#include "store/idempotency_sql.h"
#include "store/paging.h"
#include "store/rows.h"

namespace mecapy::store {
namespace {

using soci::use;

constexpr Sql kInsert =
    "INSERT INTO workflows (id, owner, name, description, latest_version, created_at, updated_at)"
    " VALUES (:id, :owner, :name, :description, 1, :now, :now2)";
constexpr Sql kInsertVersion =
    "INSERT INTO workflow_versions (workflow_id, number, created_at, definition)"
    " VALUES (:id, :number, :now, :definition)";

constexpr char kColumns[] =
    "SELECT w.id, w.owner, w.name, w.description, w.created_at, w.updated_at, v.number";
constexpr char kDefinition[] = ", v.definition";
constexpr char kFrom[] =
    " FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id AND v.number = ";
constexpr char kOwned[] = " WHERE w.id = :id AND w.owner = :owner AND w.deleted = 0";
constexpr auto kGetVersionText = join_sql(kColumns, kDefinition, kFrom, ":number", kOwned);
constexpr auto kGetLatestText = join_sql(kColumns, kDefinition, kFrom, "w.latest_version", kOwned);
constexpr auto kFindText =
    join_sql(kColumns, kDefinition, kFrom, "w.latest_version WHERE w.id = :id");
constexpr auto kListText = join_sql(kColumns, kFrom,
                                    "w.latest_version WHERE w.owner = :owner AND w.deleted = 0"
                                    " AND w.id < :after ORDER BY w.id DESC LIMIT :limit");
constexpr Sql kGetVersion = kGetVersionText;
constexpr Sql kGetLatest = kGetLatestText;
constexpr Sql kFind = kFindText;
constexpr Sql kList = kListText;

// Also locks the row, where a dialect locks rows.
constexpr Sql kTouch =
    "UPDATE workflows SET updated_at = :now WHERE id = :id AND owner = :owner AND deleted = 0";
constexpr Sql kUpdate =
    "UPDATE workflows SET name = :name, description = :description, latest_version = :number"
    " WHERE id = :id";
constexpr Sql kDelete =
    "UPDATE workflows SET deleted = 1, updated_at = :now"
    " WHERE id = :id AND owner = :owner AND deleted = 0";

Error no_workflow() { return fail(ErrorCode::not_found, "no such workflow"); }

struct WorkflowRow {
  std::string id, owner, name, description, definition;
  long long created_at = 0, updated_at = 0;
  int number = 0;

  void into(soci::statement& statement) {
    for (std::string* text : {&id, &owner, &name, &description}) {
      statement.exchange(soci::into(*text));
    }
    statement.exchange(soci::into(created_at));
    statement.exchange(soci::into(updated_at));
    statement.exchange(soci::into(number));
  }
  model::KeptWorkflow workflow() const {
    return {trusted_id<model::WorkflowId>(id),
            owner,
            name,
            description,
            number,
            definition,
            from_us(created_at),
            from_us(updated_at)};
  }
};

// The one that the statement finds, with its definition.
template <class... Uses>
Result<model::KeptWorkflow> one_workflow(Connection& connection, Sql statement, Uses&&... uses) {
  WorkflowRow row;
  const auto columns = [&](soci::statement& s) {
    row.into(s);
    s.exchange(soci::into(row.definition));
  };
  if (!connection.one_row(statement, columns, std::forward<Uses>(uses)...)) return no_workflow();
  return row.workflow();
}

void insert_version(Connection& connection, base::TimePoint now,
                    const model::KeptWorkflow& workflow) {
  const long long us = to_us(now);
  connection.execute(kInsertVersion, use(workflow.id.str(), "id"), use(workflow.version, "number"),
                     use(us, "now"), use(workflow.definition_json, "definition"));
}

}  // namespace

Result<Created<model::KeptWorkflow>> create_workflow(Connection& connection, base::TimePoint now,
                                                     model::KeptWorkflow workflow,
                                                     const std::optional<Idempotency>& key) {
  auto earlier = take_key(connection, key, {workflow.user, kWorkflowKind, workflow.id.str(), now});
  if (!earlier) return earlier.error();
  if (*earlier) {
    auto found = one_workflow(connection, kFind, use(**earlier, "id"));
    if (!found) return found.error();
    return Created<model::KeptWorkflow>{std::move(*found), false};
  }
  workflow.version = 1;
  workflow.created_at = workflow.updated_at = now;
  const long long us = to_us(now);
  connection.execute(kInsert, use(workflow.id.str(), "id"), use(workflow.user, "owner"),
                     use(workflow.name, "name"), use(workflow.description, "description"),
                     use(us, "now"), use(us, "now2"));
  insert_version(connection, now, workflow);
  return Created<model::KeptWorkflow>{std::move(workflow), true};
}

Result<std::optional<model::KeptWorkflow>> workflow_made_by(Connection& connection,
                                                            const std::string& user,
                                                            const Idempotency& key) {
  const auto id = find_key(connection, key, user, kWorkflowKind);
  if (!id) return id.error();
  if (!*id) return std::optional<model::KeptWorkflow>();
  auto found = one_workflow(connection, kFind, use(**id, "id"));
  if (!found) return found.error();
  return std::optional(std::move(*found));
}

Result<model::KeptWorkflow> get_workflow(Connection& connection, const std::string& user,
                                         const model::WorkflowId& id, std::optional<int> version) {
  if (version) {
    return one_workflow(connection, kGetVersion, use(*version, "number"), use(id.str(), "id"),
                        use(user, "owner"));
  }
  return one_workflow(connection, kGetLatest, use(id.str(), "id"), use(user, "owner"));
}

Result<Page<model::KeptWorkflow>> list_workflows(Connection& connection, const std::string& user,
                                                 const PageRequest& page) {
  const std::string after = page_start(page);
  const int limit = rows_to_read(page);
  PageOf<model::KeptWorkflow> workflows(page);
  WorkflowRow row;
  const auto columns = [&](soci::statement& s) { row.into(s); };
  const auto on_row = [&] {
    workflows.add(row.name.size() + row.description.size(), [&] { return row.workflow(); });
  };
  connection.each_row(kList, on_row, columns, use(user, "owner"), use(after, "after"),
                      use(limit, "limit"));
  return std::move(workflows).finish();
}

Result<model::KeptWorkflow> update_workflow(Connection& connection, base::TimePoint now,
                                            const std::string& user, const model::WorkflowId& id,
                                            const WorkflowChange& change) {
  if (!change.name && !change.description && !change.definition_json) {
    return get_workflow(connection, user, id, std::nullopt);
  }
  const long long us = to_us(now);
  if (connection.execute(kTouch, use(us, "now"), use(id.str(), "id"), use(user, "owner")) == 0) {
    return no_workflow();
  }
  auto workflow = one_workflow(connection, kFind, use(id.str(), "id"));
  if (!workflow) return workflow;
  if (change.name) workflow->name = *change.name;
  if (change.description) workflow->description = *change.description;
  if (change.definition_json) {
    workflow->definition_json = *change.definition_json;
    ++workflow->version;
    insert_version(connection, now, *workflow);
  }
  connection.execute(kUpdate, use(workflow->name, "name"),
                     use(workflow->description, "description"), use(workflow->version, "number"),
                     use(id.str(), "id"));
  return workflow;
}

Result<void> delete_workflow(Connection& connection, base::TimePoint now, const std::string& user,
                             const model::WorkflowId& id) {
  const long long us = to_us(now);
  if (connection.execute(kDelete, use(us, "now"), use(id.str(), "id"), use(user, "owner")) == 0) {
    return no_workflow();
  }
  return {};
}

}  // namespace mecapy::store
