#include "store/costs_sql.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <string>

#include "base/clock.h"
#include "model/cost.h"
#include "store/column.h"
#include "store/rows.h"
#include "store/sql_text.h"
#include "store/text_codec.h"

namespace mecapy::store {
namespace {

using soci::use;

constexpr double kPico = 1e12;
constexpr long long kUsADay = 86'400'000'000;

constexpr char kSums[] =
    "CAST(COALESCE(SUM(runs), 0) AS BIGINT), CAST(COALESCE(SUM(incomplete), 0) AS BIGINT),"
    " COALESCE(SUM(CAST(eur AS DOUBLE PRECISION)), 0) FROM costs WHERE ";
constexpr char kMine[] = "owner = :owner AND ";
constexpr char kAll[] = "";
constexpr char kDays[] = "day >= :from AND day < :until";

template <std::size_t N, std::size_t M>
consteval auto rows_text(const char (&key)[N], const char (&whose)[M]) {
  return join_sql("SELECT ", key, ", ", kSums, whose, kDays, " AND (:first = 1 OR ", key,
                  " > :after) GROUP BY ", key, " ORDER BY ", key, " LIMIT :limit");
}
// Days since 1970 have five digits from 1997 to 2243.
constexpr char kDayKey[] = "CAST(day AS TEXT)";
constexpr auto kDayMineText = rows_text(kDayKey, kMine);
constexpr auto kDayAllText = rows_text(kDayKey, kAll);
constexpr auto kUserMineText = rows_text("owner", kMine);
constexpr auto kUserAllText = rows_text("owner", kAll);
constexpr auto kTaskMineText = rows_text("task_id", kMine);
constexpr auto kTaskAllText = rows_text("task_id", kAll);
constexpr auto kBackendMineText = rows_text("backend", kMine);
constexpr auto kBackendAllText = rows_text("backend", kAll);
constexpr auto kTotalMineText = join_sql("SELECT ", kSums, kMine, kDays);
constexpr auto kTotalAllText = join_sql("SELECT ", kSums, kAll, kDays);

struct ByRow {
  CostsBy by;
  std::string_view name;
  Sql mine;
  Sql all;
};
constexpr std::array kByTable = {
    ByRow{CostsBy::day, "day", kDayMineText, kDayAllText},
    ByRow{CostsBy::user, "user", kUserMineText, kUserAllText},
    ByRow{CostsBy::task, "task", kTaskMineText, kTaskAllText},
    ByRow{CostsBy::backend, "backend", kBackendMineText, kBackendAllText},
};

constexpr Sql kGate =
    "INSERT INTO budget_gates (owner, passed) VALUES (:owner, 1)"
    " ON CONFLICT (owner) DO UPDATE SET passed = budget_gates.passed + 1";
constexpr Sql kSpent =
    "SELECT COALESCE(SUM(CAST(eur AS DOUBLE PRECISION)), 0) FROM costs"
    " WHERE owner = :owner AND day >= :since";
// What is expected beyond what was spent already.
constexpr char kExpected[] =
    "SELECT COALESCE(SUM(CAST(CASE WHEN COALESCE(cost, 0) >= expected_cost THEN 0"
    " ELSE expected_cost - COALESCE(cost, 0) END AS DOUBLE PRECISION)), 0) FROM runs"
    " WHERE owner = :owner AND queued_at >= :since AND ";
constexpr auto kWaitingText =
    join_sql(kExpected,
             "status = 'queued' AND id NOT IN (SELECT run_id FROM machines WHERE state <> 'gone')");
constexpr Sql kWaiting = kWaitingText;
// Runs that use something now, once for each machine that is not in their cost yet. What a cloud
// has not made costs nothing.
constexpr char kLiveColumns[] =
    "SELECT r.id, r.backend, CASE WHEN r.status = 'running' THEN r.claimed_at END,"
    " CAST(COALESCE(r.cost, 0) AS BIGINT), r.expected_cost, COALESCE(NULLIF(r.own_limits, ''), "
    "v.limits), COALESCE(m.placer, ''),"
    " COALESCE(m.type, ''), m.made_at FROM runs r"
    " JOIN task_versions v ON v.task_id = r.task_id AND v.number = r.version"
    " LEFT JOIN machines m ON m.run_id = r.id AND m.state <> 'gone'"
    " AND (m.placed_at IS NOT NULL OR m.called_at IS NOT NULL OR m.parts <> '')"
    " WHERE r.owner = :owner AND r.queued_at >= :since AND ";
constexpr auto kLiveText =
    join_sql(kLiveColumns,
             "(r.status = 'running' OR r.id IN (SELECT run_id FROM machines WHERE state <> 'gone'))"
             " ORDER BY r.id");
constexpr Sql kLive = kLiveText;

std::string day_text(Day day) {
  const std::chrono::sys_days date{std::chrono::days(day)};
  const std::chrono::year_month_day parts{date};
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(parts.year()),
                static_cast<unsigned>(parts.month()), static_cast<unsigned>(parts.day()));
  return text;
}

double seconds_since(const Nullable<long long>& then, base::TimePoint now) {
  const auto us = then.get();
  if (!us) return 0;
  return std::max(0.0, std::chrono::duration<double>(now - from_us(*us)).count());
}

// What is expected of the runs that use something now beyond what was charged of them, or what they
// have used since where that is more; in units of 10^-12 EUR.
double live(Connection& connection, base::TimePoint now, const std::string& owner, long long since,
            const CostRules& rules) {
  std::string id, backend, limits, placer, type, last;
  Nullable<long long> claimed_at, made_at;
  long long cost = 0, expected = 0;
  double sum = 0, left = 0, used = 0;
  const auto on_row = [&] {
    const auto price = [&](const model::Used& part) {
      if (!rules.price) return 0.0;
      const model::Cost cost = rules.price(model::bill(part, decode_limits(limits)));
      return static_cast<double>(model::pico_euros(cost.eur));
    };
    if (id != last) {
      sum += std::max(left, used);
      last = id;
      left = static_cast<double>(expected - cost);
      used = 0;
      const std::string where = backend.empty() ? std::string(model::kLocal) : backend;
      if (claimed_at.get()) used = price({where, seconds_since(claimed_at, now)});
    }
    if (placer.empty()) return;
    model::Used machine{std::string(model::kDedicated)};
    machine.machine = {placer, type, seconds_since(made_at, now)};
    used += price(machine);
  };
  const auto columns = [&](soci::statement& s) {
    s.exchange(soci::into(id));
    s.exchange(soci::into(backend));
    s.exchange(store::into(claimed_at));
    s.exchange(soci::into(cost));
    s.exchange(soci::into(expected));
    for (std::string* text : {&limits, &placer, &type}) s.exchange(soci::into(*text));
    s.exchange(store::into(made_at));
  };
  connection.each_row(kLive, on_row, columns, use(owner, "owner"), use(since, "since"));
  return sum + std::max(left, used);
}

}  // namespace

std::string_view name(CostsBy by) { return kByTable.at(static_cast<std::size_t>(by)).name; }

std::optional<CostsBy> parse_costs_by(std::string_view name) {
  const auto* const row = std::ranges::find(kByTable, name, &ByRow::name);
  if (row == kByTable.end()) return std::nullopt;
  return row->by;
}

Day day_of(base::TimePoint time) { return time.time_since_epoch().count() / kUsADay; }

Result<CostsPage> costs(Connection& connection, const CostsQuery& query) {
  const ByRow& by = kByTable.at(static_cast<std::size_t>(query.by));
  const int first = query.after.empty() ? 1 : 0;
  // The cursor is the key with a mark before it: one key is empty.
  const std::string after = query.after.empty() ? "" : query.after.substr(1);
  const int limit = query.limit + 1;
  const auto whose = [&](soci::statement& s) {
    if (query.owner) s.exchange(use(*query.owner, "owner"));
  };
  CostsPage page;
  CostsRow row;
  std::string key;
  long long runs = 0, incomplete = 0;
  double pico = 0;
  const auto read = [&] { return CostsRow{key, runs, incomplete, pico / kPico}; };
  connection.each_row(
      query.owner ? by.mine : by.all, [&] { page.rows.push_back(read()); }, soci::into(key),
      soci::into(runs), soci::into(incomplete), soci::into(pico), whose, use(query.from, "from"),
      use(query.until, "until"), use(first, "first"), use(after, "after"), use(limit, "limit"));
  if (page.rows.size() > static_cast<std::size_t>(query.limit)) {
    page.rows.pop_back();
    page.next = "+" + page.rows.back().key;
  }
  if (query.by == CostsBy::day) {
    for (CostsRow& one : page.rows) one.key = day_text(std::stoll(one.key));
  }
  key.clear();
  connection.one_row(query.owner ? Sql(kTotalMineText) : Sql(kTotalAllText), soci::into(runs),
                     soci::into(incomplete), soci::into(pico), whose, use(query.from, "from"),
                     use(query.until, "until"));
  page.total = read();
  return page;
}

Result<double> pass_budget(Connection& connection, base::TimePoint now, const model::Run& run,
                           const Budget& budget, const CostRules& rules) {
  connection.execute(kGate, use(run.user, "owner"));
  const long long since = budget.since * kUsADay;
  double spent = 0, waiting = 0;
  connection.one_row(kSpent, soci::into(spent), use(run.user, "owner"), use(budget.since, "since"));
  connection.one_row(kWaiting, soci::into(waiting), use(run.user, "owner"), use(since, "since"));
  const double open = waiting + live(connection, now, run.user, since, rules);
  const double used = (spent + open) / kPico;
  if (used < budget.month_eur && used + run.expected_eur <= budget.month_eur) return used;
  return fail(ErrorCode::budget_exhausted,
              "the budget of this month is " + model::euros_text(budget.month_eur) + ": " +
                  model::euros_text(spent / kPico) + " are spent, " +
                  model::euros_text(open / kPico) +
                  " are expected of runs that have not ended, and this one is expected to cost " +
                  model::euros_text(run.expected_eur));
}

}  // namespace mecapy::store
