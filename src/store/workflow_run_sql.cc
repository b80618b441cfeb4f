#include "store/workflow_run_sql.h"

#include <array>
#include <numeric>
#include <utility>

#include "store/column.h"
#include "store/idempotency_sql.h"
#include "store/node_error_columns.h"
#include "store/paging.h"
#include "store/rows.h"
#include "store/workflow_node_rows.h"

namespace mecapy::store {
namespace {

using soci::use;

// Inserts nothing when the workflow is not there for this user, or has no such version.
constexpr Sql kBegin =
    "INSERT INTO workflow_runs (id, workflow_id, owner, version, status, attempt, revision,"
    " claimant, lease_until, queued_at, inputs_key, inputs)"
    " SELECT :id, w.id, w.owner, :version, 'running', 1, 1, :claimant, :lease_until, :now,"
    " :inputs_key, :inputs FROM workflows w WHERE w.id = :workflow AND w.owner = :owner"
    " AND w.deleted = 0 AND 1 <= :version2 AND :version3 <= w.latest_version";

constexpr char kSelect[] =
    "SELECT r.id, r.workflow_id, r.owner, r.version, r.status, r.attempt, r.revision,"
    " r.cancel_requested, r.queued_at, r.resumed_at, r.finished_at, r.error_code, r.error_message, "
    "r.error_run,"
    " r.error_element, r.failed_node";
constexpr char kRest[] = ", r.inputs_key, r.result_key, r.inputs, r.result, v.definition";
constexpr char kFrom[] = " FROM workflow_runs r";
constexpr char kVersion[] =
    " JOIN workflow_versions v ON v.workflow_id = r.workflow_id AND v.number = r.version WHERE ";
constexpr char kLive[] = "('running', 'failing', 'cancelling')";
constexpr auto kFindText =
    join_sql(kSelect, kRest, kFrom, kVersion, "r.id = :id AND r.owner = :owner");
constexpr auto kLatestText =
    join_sql(kSelect, kRest, kFrom, kVersion, "r.workflow_id = :id ORDER BY r.id DESC LIMIT 1");
constexpr auto kLoadText =
    join_sql(kSelect, kRest, kFrom, kVersion, "r.id = :id AND r.claimant = :claimant");
constexpr auto kListText =
    join_sql(kSelect, kFrom,
             " WHERE r.owner = :owner AND (:workflow = '' OR r.workflow_id = :workflow2)"
             " AND r.status IN (:status1, :status2, :status3) AND r.id < :after"
             " ORDER BY r.id DESC LIMIT :limit");
constexpr auto kListAllText =
    join_sql(kSelect, kFrom,
             " WHERE r.owner = :owner AND (:workflow = '' OR r.workflow_id = :workflow2)"
             " AND r.id < :after ORDER BY r.id DESC LIMIT :limit");
constexpr Sql kFind = kFindText;
constexpr Sql kLatest = kLatestText;
constexpr Sql kLoad = kLoadText;
constexpr Sql kList = kListText;
constexpr Sql kListAll = kListAllText;
constexpr Sql kOwns = "SELECT 1 FROM workflows WHERE id = :id AND owner = :owner";

constexpr auto kAskToCancelText = join_sql(
    "UPDATE workflow_runs SET cancel_requested = 1 WHERE id = :id AND owner = :owner"
    " AND status IN ",
    kLive);
constexpr Sql kAskToCancel = kAskToCancelText;
constexpr Sql kResume =
    "UPDATE workflow_runs SET status = 'running', attempt = :attempt, revision = revision + 1,"
    " cancel_requested = 0, claimant = :claimant, lease_until = :lease_until, resumed_at = :now,"
    " finished_at = NULL,"
    " error_code = NULL, error_message = NULL, error_run = NULL, error_element = NULL,"
    " failed_node = '' WHERE id = :id AND owner = :owner AND revision = :revision"
    " AND status IN ('failed', 'cancelled')";

constexpr char kTakeBegin[] =
    "UPDATE workflow_runs SET claimant = :claimant, lease_until = :lease_until WHERE id IN"
    " (SELECT id FROM workflow_runs WHERE status IN ";
constexpr char kTakeEnd[] = " ORDER BY id LIMIT :limit)";
constexpr auto kTakeDeadText = join_sql(kTakeBegin, kLive, " AND lease_until <= :now", kTakeEnd,
                                        " AND lease_until <= :now2 RETURNING id");
constexpr auto kTakeAllText =
    join_sql(kTakeBegin, kLive, " AND (lease_until <= :now OR claimant <> :claimant2)", kTakeEnd,
             " RETURNING id");
constexpr auto kExtendText = join_sql(
    "UPDATE workflow_runs SET lease_until = :lease_until WHERE claimant = :claimant AND status IN ",
    kLive);
constexpr Sql kTakeDead = kTakeDeadText;
constexpr Sql kTakeAll = kTakeAllText;
constexpr Sql kExtend = kExtendText;

constexpr auto kStepText = join_sql(
    "UPDATE workflow_runs SET status = :status, revision = revision + 1,"
    " finished_at = :finished_at, error_code = :error_code, error_message = :error_message,"
    " error_run = :error_run, error_element = :error_element, failed_node = :failed_node,"
    " result_key = :result_key, result = :result"
    " WHERE id = :id AND revision = :revision AND claimant = :claimant AND status IN ",
    kLive);
constexpr Sql kStep = kStepText;

constexpr Sql kCost = "SELECT CAST(SUM(cost) AS BIGINT) FROM runs WHERE workflow_run_id = :id";
// The result is in the row of the run, or in that of the one that answered it.
constexpr Sql kEnds =
    "SELECT r.status, r.failure_code, r.failure_message, p.result_key, p.result FROM runs r"
    " LEFT JOIN runs p ON p.id = COALESCE(r.payloads_of, r.id) AND :with = 1 WHERE r.id = :id";

// The last run of each element since the node was begun from nothing, with the result of the row
// that has it.
constexpr auto kElementsText = join_sql(
    "SELECT element,"
    " CASE WHEN payloads_of IS NULL THEN result_key"
    " ELSE (SELECT p.result_key FROM runs p WHERE p.id = runs.payloads_of) END,"
    " CASE WHEN payloads_of IS NULL THEN result"
    " ELSE (SELECT p.result FROM runs p WHERE p.id = runs.payloads_of) END, ",
    kRunColumns,
    " FROM runs WHERE workflow_run_id = :run AND node = :node AND element > :after"
    " AND workflow_attempt >= (SELECT w.since FROM workflow_nodes w"
    " WHERE w.workflow_run_id = runs.workflow_run_id AND w.node = runs.node)"
    " AND NOT EXISTS (SELECT 1 FROM runs n WHERE n.workflow_run_id = runs.workflow_run_id"
    " AND n.node = runs.node AND n.element = runs.element"
    " AND (n.workflow_attempt > runs.workflow_attempt"
    " OR (n.workflow_attempt = runs.workflow_attempt AND n.number > runs.number)))"
    " ORDER BY element LIMIT :limit");
constexpr Sql kElements = kElementsText;

struct WorkflowRunRow {
  std::string id, workflow_id, owner, status, failed_node;
  int version = 0, attempt = 0, cancel_requested = 0;
  long long revision = 0, queued_at = 0;
  Nullable<long long> resumed_at, finished_at;
  NodeErrorColumns error;
  std::string inputs_key, result_key, inputs, result, definition;

  void into(soci::statement& s) {
    for (std::string* text : {&id, &workflow_id, &owner}) s.exchange(soci::into(*text));
    s.exchange(soci::into(version));
    s.exchange(soci::into(status));
    s.exchange(soci::into(attempt));
    s.exchange(soci::into(revision));
    s.exchange(soci::into(cancel_requested));
    s.exchange(soci::into(queued_at));
    s.exchange(store::into(resumed_at));
    s.exchange(store::into(finished_at));
    error.into(s);
    s.exchange(soci::into(failed_node));
  }
  void into_rest(soci::statement& s) {
    for (std::string* text : {&inputs_key, &result_key, &inputs, &result, &definition}) {
      s.exchange(soci::into(*text));
    }
  }
  // Without nodes.
  model::WorkflowRun run() const {
    model::WorkflowRun run;
    run.id = trusted_id<model::WorkflowRunId>(id);
    run.workflow_id = trusted_id<model::WorkflowId>(workflow_id);
    run.user = owner;
    run.version = version;
    run.attempt = attempt;
    run.revision = revision;
    run.cancel_requested = cancel_requested != 0;
    run.definition_json = definition;
    run.inputs = {inputs, inputs_key};
    run.result = {result, result_key};
    run.state.status = parse_workflow_status(status);
    run.error = error.error();
    run.failed_node = failed_node;
    run.queued_at = from_us(queued_at);
    run.resumed_at = from_us(resumed_at);
    run.finished_at = from_us(finished_at);
    return run;
  }
};

// The whole run that the statement finds first, if there is one.
template <class... Uses>
std::optional<model::WorkflowRun> one_run(Connection& connection, Sql statement, Uses&&... uses) {
  WorkflowRunRow row;
  const auto columns = [&](soci::statement& s) {
    row.into(s);
    row.into_rest(s);
  };
  if (!connection.one_row(statement, columns, std::forward<Uses>(uses)...)) return std::nullopt;
  model::WorkflowRun run = row.run();
  read_nodes(connection, run);
  return run;
}

std::vector<std::size_t> all_places(const model::WorkflowRun& run) {
  std::vector<std::size_t> places(run.nodes.size());
  std::iota(places.begin(), places.end(), 0);
  return places;
}

Error no_run() { return fail(ErrorCode::not_found, "no such workflow run"); }

}  // namespace

Result<Created<model::WorkflowRun>> begin_workflow_run(Connection& connection, base::TimePoint now,
                                                       model::WorkflowRun run, const Care& care,
                                                       const std::optional<Idempotency>& key) {
  auto earlier = take_key(connection, key, {run.user, kWorkflowRunKind, run.id.str(), now});
  if (!earlier) return earlier.error();
  if (*earlier) {
    auto found = one_run(connection, kFind, use(**earlier, "id"), use(run.user, "owner"));
    if (!found) return no_run();
    return Created<model::WorkflowRun>{std::move(*found), false};
  }
  run.revision = 1;
  run.attempt = 1;
  run.queued_at = now;
  const long long us = to_us(now);
  const long long lease_until = to_us(now + care.lease);
  const long long inserted = connection.execute(
      kBegin, use(run.id.str(), "id"), use(run.version, "version"), use(care.claimant, "claimant"),
      use(lease_until, "lease_until"), use(us, "now"), use(run.inputs.key, "inputs_key"),
      use(run.inputs.inline_bytes, "inputs"), use(run.workflow_id.str(), "workflow"),
      use(run.user, "owner"), use(run.version, "version2"), use(run.version, "version3"));
  if (inserted == 0) {
    return fail(ErrorCode::not_found, "no such workflow, or no such version of it");
  }
  write_nodes(connection, run, all_places(run), run.revision);
  for (model::NodeRecord& node : run.nodes) node.changed = run.revision;
  return Created<model::WorkflowRun>{std::move(run), true};
}

Result<std::optional<model::WorkflowRun>> workflow_run_made_by(Connection& connection,
                                                               const std::string& user,
                                                               const Idempotency& key) {
  const auto id = find_key(connection, key, user, kWorkflowRunKind);
  if (!id) return id.error();
  if (!*id) return std::optional<model::WorkflowRun>();
  return one_run(connection, kFind, use(**id, "id"), use(user, "owner"));
}

Result<model::WorkflowRun> get_workflow_run(Connection& connection, const std::string& user,
                                            const model::WorkflowRunId& id) {
  auto run = one_run(connection, kFind, use(id.str(), "id"), use(user, "owner"));
  if (!run) return no_run();
  return std::move(*run);
}

Result<std::optional<model::WorkflowRun>> latest_workflow_run(Connection& connection,
                                                              const std::string& user,
                                                              const model::WorkflowId& id) {
  int one = 0;
  if (!connection.one_row(kOwns, soci::into(one), use(id.str(), "id"), use(user, "owner"))) {
    return fail(ErrorCode::not_found, "no such workflow");
  }
  return one_run(connection, kLatest, use(id.str(), "id"));
}

Result<Page<model::WorkflowRun>> list_workflow_runs(Connection& connection, const std::string& user,
                                                    const WorkflowRunFilter& filter,
                                                    const PageRequest& page) {
  const std::string after = page_start(page);
  const int limit = rows_to_read(page);
  const std::string workflow = filter.workflow_id ? filter.workflow_id->str() : "";
  std::array<std::string, 3> statuses;
  if (filter.status == model::RunStatus::running) {
    statuses = {"running", "failing", "cancelling"};
  } else if (filter.status) {
    statuses.fill(std::string(model::name(*filter.status)));
  }
  const auto status_values = [&](soci::statement& s) {
    if (!filter.status) return;
    s.exchange(use(statuses[0], "status1"));
    s.exchange(use(statuses[1], "status2"));
    s.exchange(use(statuses[2], "status3"));
  };
  PageOf<model::WorkflowRun> runs(page);
  WorkflowRunRow row;
  const auto columns = [&](soci::statement& s) { row.into(s); };
  const auto on_row = [&] {
    const auto message = row.error.message.get();
    runs.add(message ? message->size() : 0, [&] { return row.run(); });
  };
  connection.each_row(filter.status ? kList : kListAll, on_row, columns, use(user, "owner"),
                      use(workflow, "workflow"), use(workflow, "workflow2"), status_values,
                      use(after, "after"), use(limit, "limit"));
  return std::move(runs).finish();
}

Result<model::WorkflowRun> request_workflow_cancel(Connection& connection, const std::string& user,
                                                   const model::WorkflowRunId& id) {
  const bool asked = connection.execute(kAskToCancel, use(id.str(), "id"), use(user, "owner")) > 0;
  auto run = get_workflow_run(connection, user, id);
  if (run && !asked) {
    return fail(ErrorCode::conflict,
                "the workflow run has ended already: it is " +
                    std::string(model::name(model::public_status(run->state.status))));
  }
  return run;
}

bool resume_workflow_run(Connection& connection, base::TimePoint now, const model::WorkflowRun& run,
                         const Care& care) {
  const long long us = to_us(now);
  const long long lease_until = to_us(now + care.lease);
  const auto revision = static_cast<long long>(run.revision);
  const bool done =
      connection.execute(kResume, use(run.attempt, "attempt"), use(care.claimant, "claimant"),
                         use(lease_until, "lease_until"), use(us, "now"), use(run.id.str(), "id"),
                         use(run.user, "owner"), use(revision, "revision")) > 0;
  if (done) write_nodes(connection, run, all_places(run), run.revision + 1);
  return done;
}

std::optional<double> cost_of_workflow_run(Connection& connection, const model::WorkflowRunId& id) {
  Nullable<long long> pico;
  const auto columns = [&](soci::statement& s) { s.exchange(store::into(pico)); };
  connection.one_row(kCost, columns, use(id.str(), "id"));
  const auto sum = pico.get();
  return sum ? std::optional(model::euros_of(*sum)) : std::nullopt;
}

std::vector<ElementRun> element_runs(Connection& connection, const model::WorkflowRunId& id,
                                     int node, int after, int limit) {
  std::vector<ElementRun> found;
  int element = 0;
  Nullable<std::string> key, result;
  RunRow row;
  const auto columns = [&](soci::statement& s) {
    s.exchange(soci::into(element));
    s.exchange(store::into(key));
    s.exchange(store::into(result));
    row.into(s);
  };
  const auto on_row = [&] {
    found.push_back({element, row.run()});
    found.back().run.end.result = {result.get().value_or(""), key.get().value_or("")};
  };
  connection.each_row(kElements, on_row, columns, use(id.str(), "run"), use(node, "node"),
                      use(after, "after"), use(limit, "limit"));
  return found;
}

std::vector<model::WorkflowRunId> take_workflow_runs(Connection& connection, base::TimePoint now,
                                                     const Care& care, bool also_of_others,
                                                     int limit) {
  const long long us = to_us(now);
  const long long lease_until = to_us(now + care.lease);
  std::vector<model::WorkflowRunId> taken;
  std::string id;
  const auto on_row = [&] { taken.push_back(trusted_id<model::WorkflowRunId>(id)); };
  if (also_of_others) {
    connection.each_row(kTakeAll, on_row, soci::into(id), use(care.claimant, "claimant"),
                        use(lease_until, "lease_until"), use(us, "now"),
                        use(care.claimant, "claimant2"), use(limit, "limit"));
  } else {
    connection.each_row(kTakeDead, on_row, soci::into(id), use(care.claimant, "claimant"),
                        use(lease_until, "lease_until"), use(us, "now"), use(limit, "limit"),
                        use(us, "now2"));
  }
  return taken;
}

void extend_workflow_runs(Connection& connection, base::TimePoint now, const Care& care) {
  const long long lease_until = to_us(now + care.lease);
  connection.execute(kExtend, use(lease_until, "lease_until"), use(care.claimant, "claimant"));
}

Result<model::WorkflowRun> load_workflow_run(Connection& connection, const model::WorkflowRunId& id,
                                             const std::string& claimant) {
  auto run = one_run(connection, kLoad, use(id.str(), "id"), use(claimant, "claimant"));
  if (!run) return no_run();
  return std::move(*run);
}

bool write_step(Connection& connection, base::TimePoint now, const WorkflowStep& step) {
  const model::WorkflowRun& run = step.run;
  const std::string status = status_text(run.state.status);
  const bool over = model::is_end(run.state.status);
  const Nullable<long long> finished_at(over ? std::optional(to_us(now)) : std::nullopt);
  const NodeErrorColumns error(run.error);
  const auto revision = static_cast<long long>(run.revision);
  const auto error_values = [&](soci::statement& s) { error.use_in(s); };
  const bool done =
      connection.execute(kStep, use(status, "status"), store::use(finished_at, "finished_at"),
                         error_values, use(run.failed_node, "failed_node"),
                         use(run.result.key, "result_key"), use(run.result.inline_bytes, "result"),
                         use(run.id.str(), "id"), use(revision, "revision"),
                         use(step.claimant, "claimant")) > 0;
  if (done) write_nodes(connection, run, step.changed, run.revision + 1);
  return done;
}

std::vector<NodeRunEnd> run_ends(Connection& connection, const std::vector<model::RunId>& ids,
                                 bool with_results) {
  std::vector<NodeRunEnd> ends;
  std::string status;
  Nullable<std::string> code, message, key, result;
  const int with = with_results ? 1 : 0;
  for (const model::RunId& id : ids) {
    const bool there = connection.one_row(
        kEnds, soci::into(status), store::into(code), store::into(message), store::into(key),
        store::into(result), use(with, "with"), use(id.str(), "id"));
    if (!there) continue;
    ends.push_back({id,
                    model::parse_status(status).value_or(model::RunStatus::queued),
                    code.get().value_or(""),
                    message.get().value_or(""),
                    {result.get().value_or(""), key.get().value_or("")}});
  }
  return ends;
}

}  // namespace mecapy::store
