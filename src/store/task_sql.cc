#include "store/task_sql.h"

#include <utility>

#include "store/column.h"
#include "store/idempotency_sql.h"
#include "store/paging.h"
#include "store/rows.h"
#include "store/text_codec.h"

namespace mecapy::store {
namespace {

using soci::use;

constexpr Sql kInsertTask =
    "INSERT INTO tasks (id, owner, name, description, tags, estimated_duration_s, cache_ttl_s, "
    "ad_hoc,"
    " latest_version, created_at, updated_at)"
    " VALUES (:id, :owner, :name, :description, :tags, :estimate, :cache, :ad_hoc, 1, :now, :now2)";
constexpr Sql kInsertVersion =
    "INSERT INTO task_versions (task_id, number, limits, created_at, inputs, code)"
    " VALUES (:id, :number, :limits, :now, :inputs, :code)";

constexpr char kSelect[] = "SELECT ";
constexpr char kFromVersion[] =
    " FROM tasks t JOIN task_versions v ON v.task_id = t.id AND v.number = :number ";
constexpr char kFromLatest[] =
    " FROM tasks t JOIN task_versions v ON v.task_id = t.id AND v.number = t.latest_version ";
constexpr char kOwned[] = "WHERE t.id = :id AND t.owner = :owner AND t.deleted = 0";
constexpr char kComma[] = ", ";
constexpr auto kGetVersionText =
    join_sql(kSelect, kTaskColumns, kComma, kTaskPayloadColumns, kFromVersion, kOwned);
constexpr auto kGetLatestText =
    join_sql(kSelect, kTaskColumns, kComma, kTaskPayloadColumns, kFromLatest, kOwned);
constexpr auto kFindText =
    join_sql(kSelect, kTaskColumns, kComma, kTaskPayloadColumns, kFromLatest, "WHERE t.id = :id");
constexpr auto kListText =
    join_sql(kSelect, kTaskColumns, kFromLatest,
             "WHERE t.owner = :owner AND t.ad_hoc = 0 AND t.deleted = 0 AND t.id < :after"
             " ORDER BY t.id DESC LIMIT :limit");
constexpr Sql kGetVersion = kGetVersionText;
constexpr Sql kGetLatest = kGetLatestText;
constexpr Sql kFind = kFindText;
constexpr Sql kList = kListText;

// Also locks the row, where a dialect locks rows: changes of one task come one after the other.
constexpr Sql kTouch =
    "UPDATE tasks SET updated_at = :now WHERE id = :id AND owner = :owner AND deleted = 0";
constexpr Sql kUpdate =
    "UPDATE tasks SET name = :name, description = :description, tags = :tags,"
    " estimated_duration_s = :estimate, cache_ttl_s = :cache, latest_version = :number WHERE id = "
    ":id";
constexpr Sql kDelete =
    "UPDATE tasks SET deleted = 1, updated_at = :now"
    " WHERE id = :id AND owner = :owner AND deleted = 0";
constexpr Sql kOwns = "SELECT 1 FROM tasks WHERE id = :id AND owner = :owner";

Error no_task() { return fail(ErrorCode::not_found, "no such task"); }

void insert_version(Connection& connection, base::TimePoint now, const model::Task& task) {
  const long long us = to_us(now);
  const std::string limits = encode_limits(task.version.limits);
  connection.execute(kInsertVersion, use(task.id.str(), "id"), use(task.version.number, "number"),
                     use(limits, "limits"), use(us, "now"), use(task.version.inputs, "inputs"),
                     use(task.version.code, "code"));
}

bool makes_version(const TaskChange& change) {
  return change.code || change.inputs || change.limits;
}

bool changes_nothing(const TaskChange& change) {
  return !makes_version(change) && !change.name && !change.description && !change.tags &&
         !change.estimated_duration_s && !change.cache_ttl_s;
}

void apply(const TaskChange& change, model::Task& task) {
  if (change.name) task.name = *change.name;
  if (change.description) task.description = *change.description;
  if (change.tags) task.tags = *change.tags;
  if (change.estimated_duration_s) task.estimated_duration_s = *change.estimated_duration_s;
  if (change.cache_ttl_s) task.cache_ttl_s = *change.cache_ttl_s;
  if (change.code) task.version.code = *change.code;
  if (change.inputs) task.version.inputs = *change.inputs;
  if (change.limits) task.version.limits = *change.limits;
  if (makes_version(change)) ++task.version.number;
}

// The latest version of a task by id alone, deleted or not.
Result<model::Task> find_task(Connection& connection, const std::string& id) {
  TaskRow row;
  const auto columns = [&](soci::statement& s) {
    row.into(s);
    row.into_payloads(s);
  };
  if (!connection.one_row(kFind, columns, use(id, "id"))) return no_task();
  return row.task();
}

}  // namespace

void insert_task(Connection& connection, base::TimePoint now, model::Task& task) {
  task.version.number = 1;
  task.created_at = task.updated_at = now;
  const long long us = to_us(now);
  const std::string tags = encode_tags(task.tags);
  const Nullable<double> estimate(task.estimated_duration_s);
  const Nullable<double> cache(task.cache_ttl_s);
  const int ad_hoc = task.ad_hoc ? 1 : 0;
  connection.execute(kInsertTask, use(task.id.str(), "id"), use(task.user, "owner"),
                     use(task.name, "name"), use(task.description, "description"),
                     use(tags, "tags"), use(estimate, "estimate"), use(cache, "cache"),
                     use(ad_hoc, "ad_hoc"), use(us, "now"), use(us, "now2"));
  insert_version(connection, now, task);
}

Result<Created<model::Task>> create_task(Connection& connection, base::TimePoint now,
                                         model::Task task, const std::optional<Idempotency>& key) {
  auto earlier = take_key(connection, key, {task.user, kTaskKind, task.id.str(), now});
  if (!earlier) return earlier.error();
  if (*earlier) {
    auto found = find_task(connection, **earlier);
    if (!found) return found.error();
    return Created<model::Task>{std::move(*found), false};
  }
  insert_task(connection, now, task);
  return Created<model::Task>{std::move(task), true};
}

Result<std::optional<model::Task>> task_made_by(Connection& connection, const std::string& user,
                                                const Idempotency& key) {
  const auto id = find_key(connection, key, user, kTaskKind);
  if (!id) return id.error();
  if (!*id) return std::optional<model::Task>();
  auto task = find_task(connection, **id);
  if (!task) return task.error();
  return std::optional(std::move(*task));
}

Result<model::Task> get_task(Connection& connection, const std::string& user,
                             const model::TaskId& id, std::optional<int> version) {
  TaskRow row;
  const auto columns = [&](soci::statement& s) {
    row.into(s);
    row.into_payloads(s);
  };
  const bool found =
      version ? connection.one_row(kGetVersion, columns, use(*version, "number"),
                                   use(id.str(), "id"), use(user, "owner"))
              : connection.one_row(kGetLatest, columns, use(id.str(), "id"), use(user, "owner"));
  if (!found) return no_task();
  return row.task();
}

Result<Page<model::Task>> list_tasks(Connection& connection, const std::string& user,
                                     const PageRequest& page) {
  const std::string after = page_start(page);
  const int limit = rows_to_read(page);
  PageOf<model::Task> tasks(page);
  TaskRow row;
  const auto columns = [&](soci::statement& s) { row.into(s); };
  const auto on_row = [&] {
    tasks.add(row.name.size() + row.description.size() + row.tags.size(),
              [&] { return row.task(); });
  };
  connection.each_row(kList, on_row, columns, use(user, "owner"), use(after, "after"),
                      use(limit, "limit"));
  return std::move(tasks).finish();
}

Result<model::Task> update_task(Connection& connection, base::TimePoint now,
                                const std::string& user, const model::TaskId& id,
                                const TaskChange& change) {
  if (changes_nothing(change)) return get_task(connection, user, id, std::nullopt);
  const long long us = to_us(now);
  if (connection.execute(kTouch, use(us, "now"), use(id.str(), "id"), use(user, "owner")) == 0) {
    return no_task();
  }
  Result<model::Task> task = find_task(connection, id.str());
  if (!task) return task;
  apply(change, *task);
  if (makes_version(change)) insert_version(connection, now, *task);
  const std::string tags = encode_tags(task->tags);
  const Nullable<double> estimate(task->estimated_duration_s);
  const Nullable<double> cache(task->cache_ttl_s);
  connection.execute(kUpdate, use(task->name, "name"), use(task->description, "description"),
                     use(tags, "tags"), use(estimate, "estimate"), use(cache, "cache"),
                     use(task->version.number, "number"), use(id.str(), "id"));
  return task;
}

Result<void> delete_task(Connection& connection, base::TimePoint now, const std::string& user,
                         const model::TaskId& id) {
  const long long us = to_us(now);
  if (connection.execute(kDelete, use(us, "now"), use(id.str(), "id"), use(user, "owner")) == 0) {
    return no_task();
  }
  return {};
}

bool owns_task(Connection& connection, const std::string& user, const model::TaskId& id) {
  int one = 0;
  return connection.one_row(kOwns, soci::into(one), use(id.str(), "id"), use(user, "owner"));
}

}  // namespace mecapy::store
