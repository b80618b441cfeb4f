#include "store/cost_sql.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <tuple>
#include <utility>

#include "store/column.h"
#include "store/rows.h"
#include "store/text_codec.h"

namespace mecapy::store {
namespace {

using soci::use;

constexpr Sql kBill =
    "SELECT r.owner, CASE WHEN t.ad_hoc = 1 THEN '' ELSE r.task_id END, r.backend, r.moved_from,"
    " r.status, r.queued_at, r.claimed_at, r.cost, r.cost_complete, r.cost_parts, "
    "COALESCE(NULLIF(r.own_limits, ''), v.limits),"
    " (SELECT COUNT(*) FROM machines m WHERE m.run_id = r.id AND m.state <> 'gone')"
    " FROM runs r JOIN tasks t ON t.id = r.task_id"
    " JOIN task_versions v ON v.task_id = r.task_id AND v.number = r.version WHERE r.id = :id";
constexpr Sql kSetCost =
    "UPDATE runs SET cost = :cost, cost_complete = :complete, cost_parts = :parts WHERE id = :id";
// It begins anew, and takes no less than it has taken.
constexpr Sql kExpectMore =
    "UPDATE runs SET expected_cost = CASE WHEN expected_cost >= COALESCE(cost, 0) + :machine"
    " THEN expected_cost ELSE COALESCE(cost, 0) + :machine2 END WHERE id = :id";
constexpr Sql kCount =
    "INSERT INTO costs (owner, day, task_id, backend, shard, runs, incomplete, eur)"
    " VALUES (:owner, :day, :task, :backend, :shard, :runs, :incomplete, :eur)"
    " ON CONFLICT (owner, day, task_id, backend, shard) DO UPDATE SET"
    " runs = costs.runs + excluded.runs, incomplete = costs.incomplete + excluded.incomplete,"
    " eur = costs.eur + excluded.eur";

constexpr Sql kMachine =
    "SELECT run_id, placer, type, made_at FROM machines WHERE id = :id"
    " AND (placed_at IS NOT NULL OR called_at IS NOT NULL OR parts <> '')";
constexpr Sql kRunOf = "SELECT run_id FROM machines WHERE id = :id";
constexpr Sql kLockRun = "UPDATE runs SET claimant = claimant WHERE id = :id";

constexpr int kShards = 16;

// Of the last character of the id, which is random.
int shard_of(const std::string& run_id) {
  int digit = 0;
  std::from_chars(run_id.data() + run_id.size() - 1, run_id.data() + run_id.size(), digit, 16);
  return digit % kShards;
}

struct BillRow {
  std::string owner, task, backend, moved_from, status;
  long long queued_at = 0;
  Nullable<long long> claimed_at, cost;
  int complete = 1;
  std::string parts, limits;
  int machines = 0;

  bool read(Connection& connection, const std::string& id) {
    const auto columns = [this](soci::statement& s) {
      for (std::string* text : {&owner, &task, &backend, &moved_from, &status}) {
        s.exchange(soci::into(*text));
      }
      s.exchange(soci::into(queued_at));
      s.exchange(store::into(claimed_at));
      s.exchange(store::into(cost));
      s.exchange(soci::into(complete));
      s.exchange(soci::into(parts));
      s.exchange(soci::into(limits));
      s.exchange(soci::into(machines));
    };
    return connection.one_row(kBill, columns, use(id, "id"));
  }
  bool ended() const {
    return model::is_end(model::parse_status(status).value_or(model::RunStatus::failed));
  }
};

// What a run adds to the row of its backend.
struct Share {
  long long runs = 0;
  long long incomplete = 0;
  long long eur = 0;
  friend Share operator-(Share a, Share b) {
    return {a.runs - b.runs, a.incomplete - b.incomplete, a.eur - b.eur};
  }
  friend bool operator==(const Share&, const Share&) = default;
};

Share share_of(const BillRow& row) {
  const auto eur = row.cost.get();
  if (!eur) return {};
  return {1, row.complete != 0 ? 0 : 1, *eur};
}

void count(Connection& connection, const BillRow& row, const std::string& id,
           const std::string& backend, const Share& share) {
  if (share == Share()) return;
  const long long day = day_of(from_us(row.queued_at));
  const int shard = shard_of(id);
  connection.execute(kCount, use(row.owner, "owner"), use(day, "day"), use(row.task, "task"),
                     use(backend, "backend"), use(shard, "shard"), use(share.runs, "runs"),
                     use(share.incomplete, "incomplete"), use(share.eur, "eur"));
}

// Adds `more` to the run's cost, and the difference to the sums. `was` is the backend that the run
// counted for until now.
void keep(Connection& connection, BillRow& row, const std::string& id, const std::string& was,
          const model::Cost& more) {
  const Share before = share_of(row);
  model::Cost cost = decode_cost(row.parts);
  model::add(cost, more);
  const bool complete = row.ended() && row.machines == 0 && model::unknown_prices(cost).empty();
  const Share after{1, complete ? 0 : 1, model::pico_euros(cost.eur)};
  const std::string parts = encode_cost(cost);
  const int whole = complete ? 1 : 0;
  connection.execute(kSetCost, use(after.eur, "cost"), use(whole, "complete"), use(parts, "parts"),
                     use(id, "id"));
  if (was == row.backend) return count(connection, row, id, was, after - before);
  // In one order for everybody.
  std::map<std::string, Share> both{{was, Share() - before}, {row.backend, after}};
  for (const auto& [backend, share] : both) count(connection, row, id, backend, share);
}

// Seconds that the attempt held its place.
double attempt_seconds(const BillRow& row, base::TimePoint now, const SpentAttempt& attempt) {
  if (attempt.end != nullptr) {
    const double told = model::billed_seconds(attempt.end->usage);
    if (told > 0) return told;
  }
  const auto claimed = row.claimed_at.get();
  // Nobody took it, or it ended before it had a place.
  const model::Failure* const failure = attempt.failure;
  const bool lost = failure == nullptr
                        ? attempt.end == nullptr
                        : model::is_platform_fault(failure->code) &&
                              failure->code != model::OutcomeCode::backend_unavailable;
  if (!lost || !claimed) return 0;
  return std::max(0.0, std::chrono::duration<double>(now - from_us(*claimed)).count());
}

std::int64_t bytes_in_objects(const model::RunEnd& end) {
  std::int64_t bytes = 0;
  if (end.result.stored()) bytes += end.usage.result_bytes;
  if (end.log.stored()) bytes += end.usage.log_bytes;
  for (const model::Artifact& artifact : end.artifacts) bytes += artifact.size;
  return bytes;
}

std::string backend_of(const std::string& name) {
  return name.empty() ? std::string(model::kLocal) : name;  // runs from before they had one
}

}  // namespace

void charge_attempt(Connection& connection, base::TimePoint now, const CostRules& rules,
                    const model::RunId& run, const SpentAttempt& attempt) {
  if (!rules.price) return;
  BillRow row;
  if (!row.read(connection, run.str())) return;
  model::Used used{backend_of(row.backend), attempt_seconds(row, now, attempt)};
  if (rules.bucket && attempt.end != nullptr) used.object_bytes = bytes_in_objects(*attempt.end);
  keep(connection, row, run.str(), row.backend,
       rules.price(model::bill(used, decode_limits(row.limits))));
}

void charge_ended(Connection& connection, const CostRules& rules, const model::RunId& run) {
  if (!rules.price) return;
  BillRow row;
  if (row.read(connection, run.str())) keep(connection, row, run.str(), row.backend, {});
}

void charge_moved(Connection& connection, base::TimePoint now, const CostRules& rules,
                  const model::RunId& run) {
  if (!rules.price) return;
  BillRow row;
  if (!row.read(connection, run.str())) return;
  const double seconds = attempt_seconds(row, now, {});
  const model::Used used{backend_of(row.moved_from), seconds};
  keep(connection, row, run.str(), row.moved_from,
       rules.price(model::bill(used, decode_limits(row.limits))));
  if (!rules.machine_eur) return;
  const long long machine =
      model::pico_euros(rules.machine_eur(decode_limits(row.limits), seconds));
  connection.execute(kExpectMore, use(machine, "machine"), use(machine, "machine2"),
                     use(run.str(), "id"));
}

void lock_run_of(Connection& connection, const model::MachineId& machine) {
  std::string run;
  if (!connection.one_row(kRunOf, soci::into(run), use(machine.str(), "id"))) return;
  connection.execute(kLockRun, use(run, "id"));
}

void charge_machine(Connection& connection, base::TimePoint now, const CostRules& rules,
                    const model::MachineId& machine) {
  if (!rules.price) return;
  std::string run, placer, type;
  long long made_at = 0;
  const bool made =
      connection.one_row(kMachine, soci::into(run), soci::into(placer), soci::into(type),
                         soci::into(made_at), use(machine.str(), "id"));
  if (!made && !connection.one_row(kRunOf, soci::into(run), use(machine.str(), "id"))) return;
  BillRow row;
  if (!row.read(connection, run)) return;
  if (!made) {
    if (row.cost.get()) keep(connection, row, run, row.backend, {});
    return;
  }
  model::Used used{std::string(model::kDedicated)};
  used.machine = {placer, type,
                  std::max(0.0, std::chrono::duration<double>(now - from_us(made_at)).count())};
  keep(connection, row, run, row.backend,
       rules.price(model::bill(used, decode_limits(row.limits))));
}

}  // namespace mecapy::store
