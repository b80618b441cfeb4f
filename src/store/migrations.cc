#include "store/migrations.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "store/column.h"

namespace mecapy::store {
namespace {

struct Migration {
  int number;
  const char* name;
  std::vector<const char*> statements;
};

// Forward only: a step that was released is never changed; a new one is added at the end.
//
// Ids are UUIDv7 text: their order is the order in which they were made. Times are microseconds
// UTC. Rows with large columns keep SQLite's rowid (a WITHOUT ROWID tree suits small rows only),
// and their large columns come last, so that reading the others does not touch overflow pages.
// Words that begin with '$' are the dialect's own (migrations.h).
const std::vector<Migration>& migrations() {
  static const std::vector<Migration> table = {
      {1,
       "tasks, versions, runs, artifacts, idempotency",
       {
           R"sql(CREATE TABLE tasks (
             id $ID PRIMARY KEY NOT NULL,
             owner TEXT NOT NULL,
             name TEXT NOT NULL,
             description TEXT NOT NULL,
             tags TEXT NOT NULL,
             estimated_duration_s $REAL,
             ad_hoc $INTEGER NOT NULL,
             deleted $INTEGER NOT NULL DEFAULT 0,
             latest_version $INTEGER NOT NULL,
             created_at $INTEGER NOT NULL,
             updated_at $INTEGER NOT NULL))sql",
           "CREATE INDEX tasks_listed ON tasks (owner, id) WHERE ad_hoc = 0 AND deleted = 0",
           R"sql(CREATE TABLE task_versions (
             task_id $ID NOT NULL REFERENCES tasks (id),
             number $INTEGER NOT NULL,
             limits TEXT NOT NULL,
             created_at $INTEGER NOT NULL,
             inputs TEXT NOT NULL,
             code TEXT NOT NULL,
             PRIMARY KEY (task_id, number)))sql",
           R"sql(CREATE TABLE runs (
             id $ID PRIMARY KEY NOT NULL,
             task_id $ID NOT NULL,
             owner TEXT NOT NULL,
             version $INTEGER NOT NULL,
             status TEXT NOT NULL,
             attempt $INTEGER NOT NULL DEFAULT 0,
             cancel_requested $INTEGER NOT NULL DEFAULT 0,
             queued_at $INTEGER NOT NULL,
             not_before $INTEGER NOT NULL,
             started_at $INTEGER,
             finished_at $INTEGER,
             claimant TEXT,
             lease_until $INTEGER,
             failure_code TEXT,
             failure_line $INTEGER,
             failure_column $INTEGER,
             wall_us $INTEGER NOT NULL DEFAULT 0,
             cpu_us $INTEGER NOT NULL DEFAULT 0,
             peak_memory_bytes $INTEGER NOT NULL DEFAULT 0,
             setup_us $INTEGER NOT NULL DEFAULT 0,
             log_bytes $INTEGER NOT NULL DEFAULT 0,
             result_bytes $INTEGER NOT NULL DEFAULT 0,
             artifact_bytes $INTEGER NOT NULL DEFAULT 0,
             artifact_count $INTEGER NOT NULL DEFAULT 0,
             log_truncated $INTEGER NOT NULL DEFAULT 0,
             failure_message TEXT,
             failure_traceback TEXT,
             inputs_key TEXT NOT NULL,
             result_key TEXT NOT NULL DEFAULT '',
             log_key TEXT NOT NULL DEFAULT '',
             inputs TEXT NOT NULL,
             result TEXT NOT NULL DEFAULT '',
             log TEXT NOT NULL DEFAULT '',
             FOREIGN KEY (task_id, version) REFERENCES task_versions (task_id, number)))sql",
           "CREATE INDEX runs_of_user ON runs (owner, id)",
           "CREATE INDEX runs_of_user_by_status ON runs (owner, status, id)",
           "CREATE INDEX runs_of_task ON runs (task_id, id)",
           "CREATE INDEX runs_of_task_by_status ON runs (task_id, status, id)",
           "CREATE INDEX runs_queued ON runs (id, not_before) WHERE status = 'queued'",
           "CREATE INDEX runs_running ON runs (lease_until, claimant, id, attempt)"
           " WHERE status = 'running'",
           R"sql(CREATE TABLE artifacts (
             run_id $ID NOT NULL REFERENCES runs (id),
             position $INTEGER NOT NULL,
             name TEXT NOT NULL,
             size $INTEGER NOT NULL,
             content_type TEXT NOT NULL,
             sha256 TEXT NOT NULL,
             object_key TEXT NOT NULL,
             PRIMARY KEY (run_id, position)) $COMPACT)sql",
           R"sql(CREATE TABLE idempotency (
             owner TEXT NOT NULL,
             idempotency_key TEXT NOT NULL,
             request_hash TEXT NOT NULL,
             kind TEXT NOT NULL,
             resource_id $ID NOT NULL,
             created_at $INTEGER NOT NULL,
             PRIMARY KEY (owner, idempotency_key)) $COMPACT)sql",
           "CREATE INDEX idempotency_by_age ON idempotency (created_at)",
       }},
      {2,
       "what a run wrote",
       {
           "ALTER TABLE runs ADD COLUMN written_bytes $INTEGER NOT NULL DEFAULT -1",
       }},
      {3,
       "answers from earlier runs",
       {
           "ALTER TABLE tasks ADD COLUMN cache_ttl_s $REAL",
           "ALTER TABLE runs ADD COLUMN environment TEXT NOT NULL DEFAULT ''",
           "ALTER TABLE runs ADD COLUMN cache_key TEXT NOT NULL DEFAULT ''",
           "ALTER TABLE runs ADD COLUMN cached_from TEXT",
           "CREATE INDEX runs_that_answer ON runs (owner, cache_key, environment, finished_at)"
           " WHERE cache_key <> '' AND status = 'completed' AND cached_from IS NULL",
       }},
      {4,
       "what an answered run shows is the other one's",
       {
           // Null where the row's own payloads and artifacts count: also for runs answered before.
           "ALTER TABLE runs ADD COLUMN payloads_of $ID REFERENCES runs (id)",
       }},
      {5,
       "a secret of all processes",
       {
           "CREATE TABLE secrets (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)",
       }},
      {6,
       "who reads from a run, which the database asks before it removes one",
       {
           "CREATE INDEX runs_that_read ON runs (payloads_of) WHERE payloads_of IS NOT NULL",
       }},
      {7,
       "where a run goes, and machines made for one run each",
       {
           "ALTER TABLE runs ADD COLUMN backend TEXT NOT NULL DEFAULT ''",
           "ALTER TABLE runs ADD COLUMN estimate_s $REAL",
           "ALTER TABLE runs ADD COLUMN estimate_from TEXT NOT NULL DEFAULT ''",
           "ALTER TABLE runs ADD COLUMN estimate_samples $INTEGER NOT NULL DEFAULT 0",
           "ALTER TABLE runs ADD COLUMN moved_from TEXT NOT NULL DEFAULT ''",
           "ALTER TABLE runs ADD COLUMN waiting TEXT NOT NULL DEFAULT ''",
           "CREATE INDEX runs_that_want_a_machine ON runs (id, not_before)"
           " WHERE status = 'queued' AND backend = 'dedicated_instance'",
           R"sql(CREATE TABLE machines (
             id $ID PRIMARY KEY NOT NULL,
             run_id $ID NOT NULL REFERENCES runs (id),
             placer TEXT NOT NULL,
             type TEXT NOT NULL,
             zone TEXT NOT NULL,
             state TEXT NOT NULL,
             attempt $INTEGER NOT NULL DEFAULT 0,
             owner TEXT NOT NULL,
             owned_until $INTEGER NOT NULL,
             made_at $INTEGER NOT NULL,
             boot_until $INTEGER NOT NULL,
             life_until $INTEGER NOT NULL,
             placed_at $INTEGER,
             called_at $INTEGER,
             ending_at $INTEGER,
             gone_at $INTEGER,
             token_hash TEXT NOT NULL,
             taker TEXT NOT NULL DEFAULT '',
             parts TEXT NOT NULL DEFAULT '',
             said TEXT NOT NULL DEFAULT ''))sql",
           "CREATE UNIQUE INDEX machines_live ON machines (run_id)"
           " WHERE state IN ('intended', 'placing', 'booting', 'working')",
           "CREATE UNIQUE INDEX machines_by_token ON machines (token_hash)",
           "CREATE INDEX machines_of_run ON machines (run_id, id)",
           "CREATE INDEX machines_left ON machines (id) WHERE state <> 'gone'",
       }},
      {8,
       "what machines leave behind",
       {
           R"sql(CREATE TABLE reapings (
             placer TEXT PRIMARY KEY NOT NULL,
             owner TEXT NOT NULL,
             owned_until $INTEGER NOT NULL,
             begun_at $INTEGER NOT NULL,
             done_at $INTEGER,
             failing_since $INTEGER,
             trouble TEXT NOT NULL DEFAULT ''))sql",
           R"sql(CREATE TABLE leftovers (
             placer TEXT NOT NULL,
             kind TEXT NOT NULL,
             zone TEXT NOT NULL,
             id TEXT NOT NULL,
             machine TEXT NOT NULL,
             since $INTEGER NOT NULL,
             reaped_by TEXT NOT NULL,
             said TEXT NOT NULL,
             PRIMARY KEY (placer, kind, zone, id)))sql",
       }},
      {9,
       "what attempts save for those after them",
       {
           "ALTER TABLE runs ADD COLUMN checkpoint_attempt $INTEGER NOT NULL DEFAULT 0",
           "ALTER TABLE runs ADD COLUMN checkpoint_number $INTEGER NOT NULL DEFAULT 0",
           "ALTER TABLE runs ADD COLUMN checkpoint_bytes $INTEGER NOT NULL DEFAULT 0",
           "ALTER TABLE runs ADD COLUMN checkpoint_at $INTEGER NOT NULL DEFAULT 0",
           "ALTER TABLE runs ADD COLUMN resumed_from $INTEGER NOT NULL DEFAULT 0",
           "ALTER TABLE runs ADD COLUMN checkpoint_sha256 TEXT NOT NULL DEFAULT ''",
       }},
      {10,
       "what runs cost, and the budgets of their owners",
       {
           // EUR are counted in units of 10^-12.
           "ALTER TABLE runs ADD COLUMN claimed_at $INTEGER",
           "ALTER TABLE runs ADD COLUMN expected_cost $INTEGER NOT NULL DEFAULT 0",
           "ALTER TABLE runs ADD COLUMN cost $INTEGER",
           "ALTER TABLE runs ADD COLUMN cost_complete $INTEGER NOT NULL DEFAULT 1",
           "ALTER TABLE runs ADD COLUMN cost_parts TEXT NOT NULL DEFAULT ''",
           R"sql(CREATE TABLE costs (
             owner $ID NOT NULL,
             day $INTEGER NOT NULL,
             task_id $ID NOT NULL,
             backend $ID NOT NULL,
             shard $INTEGER NOT NULL,
             runs $INTEGER NOT NULL,
             incomplete $INTEGER NOT NULL,
             eur $INTEGER NOT NULL,
             PRIMARY KEY (owner, day, task_id, backend, shard)) $COMPACT)sql",
           "CREATE INDEX costs_by_day ON costs (day)",
           // Submits of one owner with a budget go through it one after another.
           R"sql(CREATE TABLE budget_gates (
             owner TEXT PRIMARY KEY NOT NULL,
             passed $INTEGER NOT NULL))sql",
       }},
      {11,
       "workflows",
       {
           R"sql(CREATE TABLE workflows (
             id $ID PRIMARY KEY NOT NULL,
             owner TEXT NOT NULL,
             name TEXT NOT NULL,
             description TEXT NOT NULL,
             deleted $INTEGER NOT NULL DEFAULT 0,
             latest_version $INTEGER NOT NULL,
             created_at $INTEGER NOT NULL,
             updated_at $INTEGER NOT NULL))sql",
           "CREATE INDEX workflows_listed ON workflows (owner, id) WHERE deleted = 0",
           R"sql(CREATE TABLE workflow_versions (
             workflow_id $ID NOT NULL REFERENCES workflows (id),
             number $INTEGER NOT NULL,
             created_at $INTEGER NOT NULL,
             definition TEXT NOT NULL,
             PRIMARY KEY (workflow_id, number)))sql",
           R"sql(CREATE TABLE workflow_runs (
             id $ID PRIMARY KEY NOT NULL,
             workflow_id $ID NOT NULL REFERENCES workflows (id),
             owner TEXT NOT NULL,
             version $INTEGER NOT NULL,
             status TEXT NOT NULL,
             attempt $INTEGER NOT NULL,
             revision $INTEGER NOT NULL,
             cancel_requested $INTEGER NOT NULL DEFAULT 0,
             claimant TEXT NOT NULL,
             lease_until $INTEGER NOT NULL,
             queued_at $INTEGER NOT NULL,
             finished_at $INTEGER,
             error_code TEXT,
             error_message TEXT,
             error_run $ID,
             error_element $INTEGER,
             failed_node TEXT NOT NULL DEFAULT '',
             inputs_key TEXT NOT NULL,
             result_key TEXT NOT NULL DEFAULT '',
             inputs TEXT NOT NULL,
             result TEXT NOT NULL DEFAULT ''))sql",
           "CREATE INDEX workflow_runs_listed ON workflow_runs (owner, id)",
           "CREATE INDEX workflow_runs_of_workflow ON workflow_runs (workflow_id, id)",
           "CREATE INDEX workflow_runs_live ON workflow_runs (lease_until)"
           " WHERE status IN ('running', 'failing', 'cancelling')",
           // `open`: elements; `tries`: element:number.
           R"sql(CREATE TABLE workflow_nodes (
             workflow_run_id $ID NOT NULL REFERENCES workflow_runs (id),
             node $INTEGER NOT NULL,
             status TEXT NOT NULL,
             elements $INTEGER NOT NULL,
             begun $INTEGER NOT NULL,
             failed $INTEGER NOT NULL,
             reused $INTEGER NOT NULL,
             by_default $INTEGER NOT NULL,
             fresh $INTEGER NOT NULL,
             task_id $ID NOT NULL,
             version $INTEGER NOT NULL,
             changed $INTEGER NOT NULL,
             run_id $ID,
             reused_from $ID,
             started_at $INTEGER,
             finished_at $INTEGER,
             error_code TEXT,
             error_run $ID,
             error_element $INTEGER,
             open TEXT NOT NULL,
             tries TEXT NOT NULL,
             error_message TEXT,
             PRIMARY KEY (workflow_run_id, node)))sql",
           "ALTER TABLE runs ADD COLUMN workflow_run_id $ID",
           "ALTER TABLE runs ADD COLUMN node $INTEGER NOT NULL DEFAULT 0",
           "ALTER TABLE runs ADD COLUMN element $INTEGER NOT NULL DEFAULT 0",
           "ALTER TABLE runs ADD COLUMN workflow_attempt $INTEGER NOT NULL DEFAULT 0",
           "ALTER TABLE runs ADD COLUMN number $INTEGER NOT NULL DEFAULT 0",
           "ALTER TABLE runs ADD COLUMN own_limits TEXT NOT NULL DEFAULT ''",
           "CREATE UNIQUE INDEX runs_of_nodes ON runs"
           " (workflow_run_id, node, element, workflow_attempt, number)"
           " WHERE workflow_run_id IS NOT NULL",
       }},
      {12,
       "resumed workflow runs",
       {
           "ALTER TABLE workflow_nodes ADD COLUMN since $INTEGER NOT NULL DEFAULT 1",
           "ALTER TABLE workflow_runs ADD COLUMN resumed_at $INTEGER",
       }},
      {13,
       "since when a node is forced",
       {
           "ALTER TABLE workflow_nodes ADD COLUMN fresh_since $INTEGER NOT NULL DEFAULT 0",
           "UPDATE workflow_nodes SET fresh_since = since WHERE fresh = 1",
           "ALTER TABLE workflow_nodes DROP COLUMN fresh",
       }},
  };
  return table;
}

constexpr const char* kCreateRecord =
    "CREATE TABLE IF NOT EXISTS schema_migrations ("
    "number $INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, applied_at $INTEGER NOT NULL)";
constexpr Sql kReadRecord = "SELECT COALESCE(MAX(number), 0) FROM schema_migrations";
constexpr Sql kWriteRecord =
    "INSERT INTO schema_migrations (number, name, applied_at) VALUES (:number, :name, :now)";

std::string in_dialect(std::string statement, const DialectWords& words) {
  const std::pair<std::string_view, const char*> spelt[] = {{"$ID", words.id},
                                                            {"$INTEGER", words.integer},
                                                            {"$REAL", words.real},
                                                            {"$COMPACT", words.compact}};
  for (const auto& [name, word] : spelt) {
    for (std::size_t at = 0; (at = statement.find(name, at)) != std::string::npos;) {
      statement.replace(at, name.size(), word);
    }
  }
  return statement;
}

void apply(Connection& connection, const Migration& migration, const DialectWords& words) {
  const std::string name = migration.name;
  const long long applied_at = to_us(connection.now());
  soci::transaction transaction(connection.session());
  for (const char* statement : migration.statements) {
    connection.session() << in_dialect(statement, words);
  }
  connection.execute(kWriteRecord, soci::use(migration.number, "number"), soci::use(name, "name"),
                     soci::use(applied_at, "now"));
  transaction.commit();
}

Result<void> bring_up(Connection& connection, const DialectWords& words,
                      const std::function<void()>& on_migration) {
  connection.session() << in_dialect(kCreateRecord, words);
  int at = 0;
  connection.one_row(kReadRecord, soci::into(at));
  if (at > newest_schema()) {
    return fail(ErrorCode::storage, "the database has schema " + std::to_string(at) +
                                        ", but this mecapy knows only up to " +
                                        std::to_string(newest_schema()) + ": use the newer mecapy");
  }
  if (at > 0 && at < newest_schema() && on_migration) on_migration();
  for (const Migration& migration : migrations()) {
    if (migration.number <= at) continue;
    if (at > 0) {  // it may take long
      base::log_info("the database goes to its next schema",
                     {{"schema", migration.number}, {"for", migration.name}});
    }
    apply(connection, migration, words);
  }
  return {};
}

}  // namespace

int newest_schema() { return migrations().back().number; }

Result<void> migrate(Connection& connection, const DialectWords& words,
                     const std::function<void()>& on_migration) {
  try {
    return bring_up(connection, words, on_migration);
  } catch (const soci::soci_error& e) {
    return connection.translate(e);
  }
}

}  // namespace mecapy::store
