#include "store/workflow_node_rows.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "store/column.h"
#include "store/node_error_columns.h"
#include "store/rows.h"

namespace mecapy::store {
namespace {

using soci::use;

constexpr std::array<std::pair<model::NodeStatus, std::string_view>, 6> kNodeStatus = {{
    {model::NodeStatus::waiting, "waiting"},
    {model::NodeStatus::reading, "reading"},
    {model::NodeStatus::running, "running"},
    {model::NodeStatus::completed, "completed"},
    {model::NodeStatus::failed, "failed"},
    {model::NodeStatus::skipped, "skipped"},
}};
constexpr std::array<std::pair<model::WorkflowStatus, std::string_view>, 6> kStatus = {{
    {model::WorkflowStatus::running, "running"},
    {model::WorkflowStatus::failing, "failing"},
    {model::WorkflowStatus::cancelling, "cancelling"},
    {model::WorkflowStatus::completed, "completed"},
    {model::WorkflowStatus::failed, "failed"},
    {model::WorkflowStatus::cancelled, "cancelled"},
}};

// What has no such text is the first.
template <class Table, class Text>
auto parsed(const Table& table, const Text& text) {
  for (const auto& [status, name] : table) {
    if (name == text) return status;
  }
  return table.front().first;
}
template <class Table, class Status>
std::string text_of(const Table& table, Status wanted) {
  for (const auto& [status, name] : table) {
    if (status == wanted) return std::string(name);
  }
  return "";
}

constexpr Sql kRead =
    "SELECT status, elements, begun, failed, reused, by_default, fresh_since, task_id, version,"
    " changed, run_id, reused_from, started_at, finished_at, error_code, error_message, error_run,"
    " error_element, open, tries, since FROM workflow_nodes WHERE workflow_run_id = :run ORDER BY "
    "node";
constexpr Sql kWrite =
    "INSERT INTO workflow_nodes (workflow_run_id, node, status, elements, begun, failed, reused,"
    " by_default, fresh_since, task_id, version, changed, run_id, reused_from, started_at,"
    " finished_at, error_code, error_run, error_element, open, tries, since, error_message)"
    " VALUES (:run, :node, :status, :elements, :begun, :failed, :reused, :by_default,"
    " :fresh_since, :task, :version, :changed, :run_id, :reused_from, :started_at, :finished_at, "
    ":error_code,"
    " :error_run, :error_element, :open, :tries, :since, :error_message)"
    " ON CONFLICT (workflow_run_id, node) DO UPDATE SET status = excluded.status,"
    " elements = excluded.elements, begun = excluded.begun, failed = excluded.failed,"
    " reused = excluded.reused, by_default = excluded.by_default, fresh_since = "
    "excluded.fresh_since,"
    " version = excluded.version, changed = excluded.changed, run_id = excluded.run_id,"
    " reused_from = excluded.reused_from, started_at = excluded.started_at,"
    " finished_at = excluded.finished_at, error_code = excluded.error_code,"
    " error_run = excluded.error_run, error_element = excluded.error_element,"
    " open = excluded.open, tries = excluded.tries, since = excluded.since, error_message = "
    "excluded.error_message";

// "5 6 9", and "5:1 6:2".
std::string encode(const std::vector<std::size_t>& numbers) {
  std::string text;
  for (const std::size_t number : numbers) {
    if (!text.empty()) text += ' ';
    text += std::to_string(number);
  }
  return text;
}
std::string encode(const std::map<std::size_t, int>& counts) {
  std::string text;
  for (const auto& [number, count] : counts) {
    if (!text.empty()) text += ' ';
    text += std::to_string(number) + ":" + std::to_string(count);
  }
  return text;
}
std::vector<std::pair<std::size_t, int>> decode(std::string_view text) {
  std::vector<std::pair<std::size_t, int>> all;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    std::pair<std::size_t, int> one{};
    at = std::from_chars(at, end, one.first).ptr;
    if (at < end && *at == ':') at = std::from_chars(at + 1, end, one.second).ptr;
    all.push_back(one);
    ++at;
  }
  return all;
}

std::optional<std::string> id_text(const model::RunId& id) {
  return id.empty() ? std::nullopt : std::optional(id.str());
}

struct NodeRow {
  std::string status, task_id, open, tries;
  long long elements = 0, begun = 0, failed = 0, reused = 0, changed = 0;
  int by_default = 0, fresh_since = 0, version = 0, since = 1;
  Nullable<std::string> run_id, reused_from;
  Nullable<long long> started_at, finished_at;
  NodeErrorColumns error;

  void into(soci::statement& s) {
    s.exchange(soci::into(status));
    for (long long* number : {&elements, &begun, &failed, &reused}) {
      s.exchange(soci::into(*number));
    }
    s.exchange(soci::into(by_default));
    s.exchange(soci::into(fresh_since));
    s.exchange(soci::into(task_id));
    s.exchange(soci::into(version));
    s.exchange(soci::into(changed));
    s.exchange(store::into(run_id));
    s.exchange(store::into(reused_from));
    s.exchange(store::into(started_at));
    s.exchange(store::into(finished_at));
    error.into(s);
    s.exchange(soci::into(open));
    s.exchange(soci::into(tries));
    s.exchange(soci::into(since));
  }

  model::NodeState state() const {
    model::NodeState state;
    state.status = parsed(kNodeStatus, status);
    state.elements = static_cast<std::size_t>(elements);
    state.begun = static_cast<std::size_t>(begun);
    state.failed = static_cast<std::size_t>(failed);
    for (const auto& [number, none] : decode(open)) state.open.push_back(number);
    state.by_default = by_default != 0;
    return state;
  }

  model::NodeRecord record() const {
    model::NodeRecord record;
    record.task_id = trusted_id<model::TaskId>(task_id);
    record.version = version;
    record.since = since;
    record.run_id = trusted_id<model::RunId>(run_id.get().value_or(""));
    record.reused_from = trusted_id<model::RunId>(reused_from.get().value_or(""));
    record.reused = static_cast<std::size_t>(reused);
    record.fresh_since = fresh_since;
    for (const auto& [number, count] : decode(tries)) record.tries.emplace(number, count);
    record.error = error.error();
    record.started_at = from_us(started_at);
    record.finished_at = from_us(finished_at);
    record.changed = changed;
    return record;
  }
};

Nullable<long long> us_of(const std::optional<base::TimePoint>& time) {
  return Nullable<long long>(time ? std::optional(to_us(*time)) : std::nullopt);
}

void write_node(Connection& connection, const model::WorkflowRun& run, std::size_t place,
                std::int64_t changed) {
  const model::NodeState& state = run.state.nodes[place];
  const model::NodeRecord& record = run.nodes[place];
  const auto node = static_cast<long long>(place);
  const std::string status = text_of(kNodeStatus, state.status);
  const std::string open = encode(state.open);
  const std::string tries = encode(record.tries);
  const auto elements = static_cast<long long>(state.elements);
  const auto begun = static_cast<long long>(state.begun);
  const auto failed = static_cast<long long>(state.failed);
  const auto reused = static_cast<long long>(record.reused);
  const auto changed_at = static_cast<long long>(changed);
  const int by_default = state.by_default ? 1 : 0;
  const Nullable<std::string> run_id(id_text(record.run_id));
  const Nullable<std::string> reused_from(id_text(record.reused_from));
  const Nullable<long long> started_at = us_of(record.started_at);
  const Nullable<long long> finished_at = us_of(record.finished_at);
  const NodeErrorColumns error(record.error);
  const auto counts = [&](soci::statement& s) {
    s.exchange(use(elements, "elements"));
    s.exchange(use(begun, "begun"));
    s.exchange(use(failed, "failed"));
    s.exchange(use(reused, "reused"));
    s.exchange(use(by_default, "by_default"));
    s.exchange(use(record.fresh_since, "fresh_since"));
  };
  const auto whens = [&](soci::statement& s) {
    s.exchange(store::use(run_id, "run_id"));
    s.exchange(store::use(reused_from, "reused_from"));
    s.exchange(store::use(started_at, "started_at"));
    s.exchange(store::use(finished_at, "finished_at"));
    error.use_in(s);
  };
  connection.execute(kWrite, use(run.id.str(), "run"), use(node, "node"), use(status, "status"),
                     counts, use(record.task_id.str(), "task"), use(record.version, "version"),
                     use(changed_at, "changed"), whens, use(open, "open"), use(tries, "tries"),
                     use(record.since, "since"));
}

}  // namespace

std::string status_text(model::WorkflowStatus status) { return text_of(kStatus, status); }
model::WorkflowStatus parse_workflow_status(const std::string& text) {
  return parsed(kStatus, text);
}

void read_nodes(Connection& connection, model::WorkflowRun& run) {
  NodeRow row;
  const auto columns = [&](soci::statement& s) { row.into(s); };
  const auto on_row = [&] {
    run.state.nodes.push_back(row.state());
    run.nodes.push_back(row.record());
  };
  connection.each_row(kRead, on_row, columns, use(run.id.str(), "run"));
}

void write_nodes(Connection& connection, const model::WorkflowRun& run,
                 const std::vector<std::size_t>& places, std::int64_t changed) {
  for (const std::size_t place : places) write_node(connection, run, place, changed);
}

}  // namespace mecapy::store
