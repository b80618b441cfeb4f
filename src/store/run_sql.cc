#include "store/run_sql.h"

#include <utility>

#include "model/cost.h"
#include "store/artifact_sql.h"
#include "store/column.h"
#include "store/cost_sql.h"
#include "store/costs_sql.h"
#include "store/end_sql.h"
#include "store/idempotency_sql.h"
#include "store/paging.h"
#include "store/rows.h"
#include "store/task_sql.h"
#include "store/text_codec.h"

namespace mecapy::store {
namespace {

using soci::use;

// Inserts nothing when the task is not there for this user, or has no such version.
constexpr Sql kSubmit =
    "INSERT INTO runs (id, task_id, owner, version, status, queued_at, not_before, cache_key,"
    " inputs_key, inputs, backend, estimate_s, estimate_from, estimate_samples, expected_cost,"
    " workflow_run_id, node, element, workflow_attempt, number, own_limits)"
    " SELECT :id, t.id, t.owner, :version, 'queued', :now, :now2, :cache_key, :inputs_key, :inputs,"
    " :backend, :estimate_s, :estimate_from, :estimate_samples, :expected_cost, :workflow_run,"
    " :node, :element, :workflow_attempt, :number, :own_limits"
    " FROM tasks t WHERE t.id = :task AND t.owner = :owner AND t.deleted = 0"
    " AND 1 <= :version2 AND :version3 <= t.latest_version";

constexpr char kSelect[] = "SELECT ";
constexpr char kComma[] = ", ";
constexpr char kFrom[] = " FROM runs WHERE ";
constexpr auto kFindText = join_sql(kSelect, kRunColumns, kComma, kRunPayloadColumns, kFrom,
                                    "id = :id AND owner = :owner");
constexpr auto kLatestText = join_sql(kSelect, kRunColumns, kComma, kRunPayloadColumns, kFrom,
                                      "task_id = :task ORDER BY id DESC LIMIT 1");
constexpr auto kPayloadsText = join_sql(kSelect, kRunPayloadColumns, kFrom, "id = :id");
constexpr Sql kPayloads = kPayloadsText;
constexpr Sql kFind = kFindText;
constexpr Sql kLatest = kLatestText;

constexpr char kAnswers[] =
    "owner = :owner AND cache_key = :cache_key AND environment = :environment"
    " AND finished_at >= :since AND cache_key <> '' AND status = 'completed'"
    " AND cached_from IS NULL";
constexpr auto kCachedText =
    join_sql(kSelect, kRunColumns, kComma, kRunPayloadColumns, kFrom, kAnswers,
             " AND resumed_from = 0 ORDER BY finished_at DESC LIMIT 1");
// Its own one counts however it came to its end.
constexpr auto kCachedOfElementText =
    join_sql(kSelect, kRunColumns, kComma, kRunPayloadColumns, kFrom, kAnswers,
             " AND workflow_run_id = :workflow_run AND node = :node AND element = :element"
             " AND workflow_attempt >= :attempt ORDER BY workflow_attempt DESC, number DESC"
             " LIMIT 1");
constexpr Sql kCached = kCachedText;
constexpr Sql kCachedOfElement = kCachedOfElementText;

// Of one that was taken up from a checkpoint, the last part is no measure of the whole. The newest
// alone, however many runs other versions had.
constexpr Sql kDurations =
    "SELECT wall_us FROM (SELECT version, wall_us, cached_from, resumed_from FROM runs"
    " WHERE task_id = :task AND status = 'completed' ORDER BY id DESC LIMIT 2000) newest"
    " WHERE version = :version AND cached_from IS NULL AND resumed_from = 0 LIMIT :limit";

// One statement for each filter, so that each has its index.
constexpr char kPageEnd[] = " AND id < :after ORDER BY id DESC LIMIT :limit";
constexpr char kTaskAndStatus[] =
    " AND (:task = '' OR task_id = :task2) AND (:status = '' OR status = :status2)";
constexpr auto kListText = join_sql(kSelect, kRunColumns, kFrom, "owner = :owner", kPageEnd);
constexpr auto kListStatusText =
    join_sql(kSelect, kRunColumns, kFrom, "owner = :owner AND status = :status", kPageEnd);
constexpr auto kListTaskText =
    join_sql(kSelect, kRunColumns, kFrom, "owner = :owner AND task_id = :task", kPageEnd);
constexpr auto kListTaskStatusText =
    join_sql(kSelect, kRunColumns, kFrom, "owner = :owner AND task_id = :task AND status = :status",
             kPageEnd);
constexpr auto kListAloneText =
    join_sql(kSelect, kRunColumns, kFrom, "owner = :owner AND workflow_run_id IS NULL",
             kTaskAndStatus, kPageEnd);
constexpr auto kListWorkflowText =
    join_sql(kSelect, kRunColumns, kFrom, "owner = :owner AND workflow_run_id = :workflow_run",
             kTaskAndStatus, kPageEnd);
constexpr Sql kListAlone = kListAloneText;
constexpr Sql kListWorkflow = kListWorkflowText;
constexpr Sql kList = kListText;
constexpr Sql kListStatus = kListStatusText;
constexpr Sql kListTask = kListTaskText;
constexpr Sql kListTaskStatus = kListTaskStatusText;

// First what holds for both, which also keeps the run as it is until the next statement.
constexpr Sql kAskToCancel =
    "UPDATE runs SET cancel_requested = 1"
    " WHERE id = :id AND owner = :owner AND status IN ('queued', 'running')";
constexpr Sql kCancelQueued =
    "UPDATE runs SET status = 'cancelled', finished_at = :now,"
    " failure_code = NULL, failure_message = NULL, failure_traceback = NULL,"
    " failure_line = NULL, failure_column = NULL"
    " WHERE id = :id AND owner = :owner AND status = 'queued'";

// Sets what the store sets; not_found when the task or its version is not there.
Result<void> insert_run(Connection& connection, base::TimePoint now, model::Run& run) {
  run.status = model::RunStatus::queued;
  run.attempt = 0;
  run.queued_at = now;
  const bool answered = !run.cached_from.empty();
  if (answered) run.inputs = {};
  const long long us = to_us(now);
  const model::Estimate estimate = run.estimate.value_or(model::Estimate());
  const Nullable<double> estimate_s(run.estimate ? std::optional(estimate.seconds) : std::nullopt);
  const long long expected_cost = model::pico_euros(run.expected_eur);
  const model::NodePlace place = run.place.value_or(model::NodePlace{.attempt = 0, .number = 0});
  const Nullable<std::string> workflow_run(run.place ? std::optional(place.workflow_run_id.str())
                                                     : std::nullopt);
  const std::string own_limits = run.limits ? encode_limits(*run.limits) : "";
  const auto place_values = [&](soci::statement& s) {
    s.exchange(store::use(workflow_run, "workflow_run"));
    s.exchange(use(place.node, "node"));
    s.exchange(use(place.element, "element"));
    s.exchange(use(place.attempt, "workflow_attempt"));
    s.exchange(use(place.number, "number"));
    s.exchange(use(own_limits, "own_limits"));
  };
  const auto estimate_values = [&](soci::statement& s) {
    s.exchange(store::use(estimate_s, "estimate_s"));
    s.exchange(use(estimate.from, "estimate_from"));
    s.exchange(use(estimate.samples, "estimate_samples"));
    s.exchange(use(expected_cost, "expected_cost"));
  };
  const long long inserted = connection.execute(
      kSubmit, use(run.id.str(), "id"), use(run.version, "version"), use(us, "now"),
      use(us, "now2"), use(run.cache_key, "cache_key"), use(run.inputs.key, "inputs_key"),
      use(run.inputs.inline_bytes, "inputs"), use(run.backend, "backend"), estimate_values,
      place_values, use(run.task_id.str(), "task"), use(run.user, "owner"),
      use(run.version, "version2"), use(run.version, "version3"));
  if (inserted == 0) return fail(ErrorCode::not_found, "no such task, or no such version of it");
  if (!answered) return {};
  if (!end_from_cache(connection, now, run)) {
    return fail(ErrorCode::not_found, "no run that could answer this one");
  }
  run.status = run.end.status = model::RunStatus::completed;
  run.end.usage = {};
  run.finished_at = now;
  return {};
}

// The whole run that the statement finds first, if there is one. storage when the row that has its
// payloads is gone: a shell of SQLite lets people remove one that others read from.
template <class... Uses>
Result<std::optional<model::Run>> one_run(Connection& connection, Sql statement, Uses&&... uses) {
  RunRow row;
  const auto columns = [&](soci::statement& s) {
    row.into(s);
    row.into_payloads(s);
  };
  if (!connection.one_row(statement, columns, std::forward<Uses>(uses)...)) {
    return std::optional<model::Run>();
  }
  const std::string holder = row.payloads_of.get().value_or(row.id);
  if (holder != row.id) {
    const auto payloads = [&](soci::statement& s) { row.into_payloads(s); };
    if (!connection.one_row(kPayloads, payloads, use(holder, "id"))) {
      return fail(ErrorCode::storage, "the run that has this one's result is gone");
    }
  }
  model::Run run = row.run();
  if (row.artifact_count > 0) run.end.artifacts = read_artifacts(connection, holder);
  return std::optional(std::move(run));
}

Result<std::optional<model::Run>> find_run(Connection& connection, const std::string& user,
                                           const std::string& id) {
  return one_run(connection, kFind, use(id, "id"), use(user, "owner"));
}

Result<Created<model::Run>> made_earlier(Connection& connection, const std::string& user,
                                         const std::string& id) {
  auto run = find_run(connection, user, id);
  if (!run) return run.error();
  if (!*run) return fail(ErrorCode::not_found, "no such run");
  return Created<model::Run>{std::move(**run), false};
}

}  // namespace

Result<Created<model::Run>> new_run(Connection& connection, base::TimePoint now, model::Run run,
                                    const SubmitTerms& terms) {
  std::optional<double> used;
  if (terms.budget && run.cached_from.empty()) {  // what another run answers costs nothing
    const auto passed = pass_budget(connection, now, run, *terms.budget, terms.costs);
    if (!passed) return passed.error();
    used = *passed;
  }
  if (auto inserted = insert_run(connection, now, run); !inserted) return inserted.error();
  return Created<model::Run>{std::move(run), true, used};
}

namespace {

Sql list_statement(const RunFilter& filter) {
  if (filter.workflow_run) return filter.workflow_run->empty() ? kListAlone : kListWorkflow;
  if (filter.task_id) return filter.status ? kListTaskStatus : kListTask;
  return filter.status ? kListStatus : kList;
}

}  // namespace

Result<Created<model::Run>> submit_run(Connection& connection, base::TimePoint now, model::Run run,
                                       const SubmitTerms& terms) {
  auto earlier = take_key(connection, terms.key, {run.user, kRunKind, run.id.str(), now});
  if (!earlier) return earlier.error();
  if (*earlier) return made_earlier(connection, run.user, **earlier);
  return new_run(connection, now, std::move(run), terms);
}

Result<Created<model::Run>> submit_ad_hoc(Connection& connection, base::TimePoint now,
                                          model::Task task, model::Run run,
                                          const SubmitTerms& terms) {
  auto earlier = take_key(connection, terms.key, {run.user, kRunKind, run.id.str(), now});
  if (!earlier) return earlier.error();
  if (*earlier) return made_earlier(connection, run.user, **earlier);
  insert_task(connection, now, task);
  return new_run(connection, now, std::move(run), terms);
}

Result<std::optional<model::Run>> run_made_by(Connection& connection, const std::string& user,
                                              const Idempotency& key) {
  auto id = find_key(connection, key, user, kRunKind);
  if (!id) return id.error();
  if (!*id) return std::optional<model::Run>();
  return find_run(connection, user, **id);
}

Result<model::Run> get_run(Connection& connection, const std::string& user,
                           const model::RunId& id) {
  auto run = find_run(connection, user, id.str());
  if (!run) return run.error();
  if (!*run) return fail(ErrorCode::not_found, "no such run");
  return std::move(**run);
}

Result<std::optional<model::Run>> latest_run(Connection& connection, const std::string& user,
                                             const model::TaskId& id) {
  if (!owns_task(connection, user, id)) return fail(ErrorCode::not_found, "no such task");
  return one_run(connection, kLatest, use(id.str(), "task"));
}

Result<std::optional<model::Run>> cached_run(Connection& connection, base::TimePoint now,
                                             const std::string& user, const CacheQuery& query) {
  const long long since = to_us(now - query.age);
  const auto place = [&](soci::statement& s) {
    if (!query.of) return;
    s.exchange(use(query.of->workflow_run_id.str(), "workflow_run"));
    s.exchange(use(query.of->node, "node"));
    s.exchange(use(query.of->element, "element"));
    s.exchange(use(query.of->attempt, "attempt"));
  };
  return one_run(connection, query.of ? kCachedOfElement : kCached, use(user, "owner"),
                 use(query.cache_key, "cache_key"), use(query.environment, "environment"),
                 use(since, "since"), place);
}

Result<std::vector<std::chrono::microseconds>> durations(Connection& connection,
                                                         const model::TaskId& task, int version,
                                                         int limit) {
  std::vector<std::chrono::microseconds> found;
  long long us = 0;
  connection.each_row(
      kDurations, [&] { found.emplace_back(us); }, soci::into(us), use(task.str(), "task"),
      use(version, "version"), use(limit, "limit"));
  return found;
}

Result<Page<model::Run>> list_runs(Connection& connection, const std::string& user,
                                   const RunFilter& filter, const PageRequest& page) {
  const std::string after = page_start(page);
  const int limit = rows_to_read(page);
  const std::string task = filter.task_id ? filter.task_id->str() : "";
  const std::string status = filter.status ? std::string(model::name(*filter.status)) : "";
  const std::string workflow_run = filter.workflow_run ? filter.workflow_run->str() : "";
  const auto filter_values = [&](soci::statement& s) {
    if (filter.workflow_run) {
      if (!workflow_run.empty()) s.exchange(use(workflow_run, "workflow_run"));
      s.exchange(use(task, "task"));
      s.exchange(use(task, "task2"));
      s.exchange(use(status, "status"));
      s.exchange(use(status, "status2"));
      return;
    }
    if (filter.task_id) s.exchange(use(task, "task"));
    if (filter.status) s.exchange(use(status, "status"));
  };
  PageOf<model::Run> runs(page);
  RunRow row;
  const auto columns = [&](soci::statement& s) { row.into(s); };
  const auto on_row = [&] {
    const auto message = row.failure_message.get();
    runs.add(message ? message->size() : 0, [&] { return row.run(); });
  };
  connection.each_row(list_statement(filter), on_row, columns, use(user, "owner"), filter_values,
                      use(after, "after"), use(limit, "limit"));
  return std::move(runs).finish();
}

Result<model::Run> request_cancel(Connection& connection, base::TimePoint now,
                                  const std::string& user, const model::RunId& id,
                                  const CostRules& rules) {
  const long long us = to_us(now);
  const bool done = connection.execute(kAskToCancel, use(id.str(), "id"), use(user, "owner")) > 0;
  if (done && connection.execute(kCancelQueued, use(us, "now"), use(id.str(), "id"),
                                 use(user, "owner")) > 0) {
    charge_ended(connection, rules, id);
  }
  Result<model::Run> run = get_run(connection, user, id);
  if (run && !done) {
    return fail(ErrorCode::conflict,
                "the run has ended already: it is " + std::string(model::name(run->status)));
  }
  return run;
}

}  // namespace mecapy::store
