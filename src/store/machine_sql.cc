#include "store/machine_sql.h"

#include <utility>

#include "store/claim_row.h"
#include "store/column.h"
#include "store/cost_sql.h"
#include "store/failure_columns.h"
#include "store/paging.h"
#include "store/rows.h"
#include "store/text_codec.h"

namespace mecapy::store {
namespace {

using soci::use;

// A machine counts as tried when it was made, and its worker never called home.
constexpr Sql kWanted =
    "SELECT r.id, r.owner, COALESCE(NULLIF(r.own_limits, ''), v.limits), r.waiting,"
    " (SELECT COUNT(*) FROM machines t WHERE t.run_id = r.id AND t.placed_at IS NOT NULL"
    " AND t.called_at IS NULL AND t.state IN ('ending', 'gone'))"
    " FROM runs r JOIN task_versions v ON v.task_id = r.task_id AND v.number = r.version"
    " WHERE r.status = 'queued' AND r.backend = 'dedicated_instance' AND r.not_before <= :now"
    " AND NOT EXISTS (SELECT 1 FROM machines m WHERE m.run_id = r.id"
    " AND m.state IN ('intended', 'placing', 'booting', 'working'))"
    " ORDER BY r.id LIMIT :limit";

constexpr Sql kIntend =
    "INSERT INTO machines (id, run_id, placer, type, zone, state, owner, owned_until, made_at,"
    " boot_until, life_until, token_hash)"
    " SELECT :id, r.id, :placer, :type, :zone, 'intended', :owner, :owned_until, :now,"
    " :boot_until, :life_until, :token_hash FROM runs r"
    " WHERE r.id = :run AND r.status = 'queued' AND r.backend = 'dedicated_instance'"
    " AND r.not_before <= :now2"
    " ON CONFLICT DO NOTHING";

constexpr char kColumns[] =
    "m.id, m.run_id, m.placer, m.type, m.zone, m.state,"
    " COALESCE((SELECT COALESCE(NULLIF(o.own_limits, ''), v.limits) FROM runs o JOIN task_versions "
    "v ON v.task_id = o.task_id"
    " AND v.number = o.version WHERE o.id = m.run_id), ''),"
    " m.attempt, m.token_hash, m.parts, m.said,"
    " m.made_at, m.boot_until, m.life_until, m.called_at, m.ending_at, m.gone_at";

constexpr Sql kTakeCare =
    "UPDATE machines SET owner = :owner, owned_until = :owned_until"
    " WHERE state <> 'gone' AND (owner = :owner2 OR owned_until <= :now)";
constexpr Sql kTakeOver =
    "UPDATE machines SET owner = :owner, owned_until = :owned_until WHERE state <> 'gone'";
constexpr Sql kLeave =
    "UPDATE machines SET state = 'gone', gone_at = :now, said = :why WHERE state <> 'gone'";
constexpr auto kKeptText =
    join_sql("SELECT ", kColumns,
             ", r.status, r.attempt FROM machines m JOIN runs r ON r.id = m.run_id"
             " WHERE m.state <> 'gone' AND m.owner = :owner ORDER BY m.id");
constexpr Sql kKept = kKeptText;
constexpr auto kLeftText =
    join_sql("SELECT ", kColumns, " FROM machines m WHERE m.state <> 'gone' ORDER BY m.id");
constexpr Sql kLeft = kLeftText;
constexpr auto kPageText = join_sql("SELECT ", kColumns,
                                    " FROM machines m WHERE m.state <> 'gone' AND m.id < :start"
                                    " ORDER BY m.id DESC LIMIT :limit");
constexpr Sql kPage = kPageText;
constexpr auto kByTokenText =
    join_sql("SELECT ", kColumns,
             " FROM machines m WHERE m.token_hash = :hash"
             " AND (m.state <> 'working' OR EXISTS (SELECT 1 FROM runs r WHERE r.id = m.run_id"
             " AND r.status = 'running' AND r.attempt = m.attempt))");
constexpr Sql kByToken = kByTokenText;

constexpr Sql kLiveOf =
    "SELECT COUNT(*) FROM machines WHERE placer = :placer AND state NOT IN ('ending', 'gone')";
constexpr Sql kEndingOf =
    "SELECT id FROM machines WHERE placer = :placer AND state = 'ending' ORDER BY run_id";
constexpr Sql kLeaveOne =
    "UPDATE machines SET state = 'gone', gone_at = :now,"
    " said = 'it was left to its placer, which is not used any more'"
    " WHERE id = :id AND state = 'ending'";

constexpr Sql kChange =
    "UPDATE machines SET state = :to, parts = COALESCE(:parts, parts),"
    " said = COALESCE(:said, said),"
    " placed_at = CASE WHEN :to1 = 'booting' THEN :now1 ELSE placed_at END,"
    " ending_at = CASE WHEN :to2 = 'ending' THEN COALESCE(ending_at, :now) ELSE ending_at END,"
    " gone_at = CASE WHEN :to3 = 'gone' THEN :now2 ELSE gone_at END"
    " WHERE id = :id AND state = :from AND owner = :owner";

constexpr auto kTakeText = join_sql(
    "UPDATE runs SET status = 'running', attempt = attempt + 1, claimant = :claimant,"
    " lease_until = :lease_until, started_at = COALESCE(started_at, :now), claimed_at = :now1,"
    " waiting = '', resumed_from = checkpoint_attempt"
    " WHERE id = (SELECT run_id FROM machines WHERE id = :machine"
    " AND state IN ('placing', 'booting'))"
    " AND status = 'queued' AND backend = 'dedicated_instance'"
    " RETURNING ",
    kClaimColumns);
constexpr Sql kTake = kTakeText;
constexpr Sql kTaken =
    "UPDATE machines SET state = 'working', attempt = :attempt, taker = :taker, called_at = :now"
    " WHERE id = :id AND state IN ('placing', 'booting')";
constexpr auto kTakenEarlierText = join_sql(
    "UPDATE runs SET lease_until = :lease_until"
    " WHERE id = (SELECT run_id FROM machines WHERE id = :machine AND state = 'working'"
    " AND taker = :taker) AND status = 'running' AND claimant = :claimant"
    " RETURNING ",
    kClaimColumns);
constexpr Sql kTakenEarlier = kTakenEarlierText;

constexpr Sql kTellWaiting =
    "UPDATE runs SET waiting = :why WHERE id = :id AND status = 'queued' AND waiting <> :why2";
constexpr Sql kGiveUp =
    "UPDATE runs SET status = 'failed', finished_at = :now, waiting = '', failure_code = :code,"
    " failure_message = :message, failure_traceback = :traceback, failure_line = :line,"
    " failure_column = :column"
    " WHERE id = :id AND status = 'queued' AND backend = 'dedicated_instance'"
    " AND cancel_requested = 0";
constexpr Sql kAnyLeft =
    "SELECT CASE WHEN EXISTS (SELECT 1 FROM machines WHERE state <> 'gone')"
    " OR EXISTS (SELECT 1 FROM runs WHERE status = 'queued' AND backend = 'dedicated_instance')"
    " OR EXISTS (SELECT 1 FROM runs WHERE status = 'running' AND backend = 'dedicated_instance')"
    " THEN 1 ELSE 0 END";
constexpr Sql kDead =
    "SELECT id, attempt FROM runs WHERE status = 'running' AND backend = 'dedicated_instance'"
    " AND lease_until <= :now ORDER BY lease_until LIMIT :limit";
constexpr Sql kRenew =
    "UPDATE runs SET lease_until = :lease_until"
    " WHERE status = 'running' AND backend = 'dedicated_instance' AND lease_until < :lease_until2";

struct MachineRow {
  std::string id, run_id, placer, type, zone, state, limits;
  int attempt = 0;
  std::string token_hash, parts, said;
  long long made_at = 0, boot_until = 0, life_until = 0;
  Nullable<long long> called_at, ending_at, gone_at;

  void into(soci::statement& statement) {
    for (std::string* text : {&id, &run_id, &placer, &type, &zone, &state, &limits}) {
      statement.exchange(soci::into(*text));
    }
    statement.exchange(soci::into(attempt));
    for (std::string* text : {&token_hash, &parts, &said}) statement.exchange(soci::into(*text));
    for (long long* time : {&made_at, &boot_until, &life_until}) {
      statement.exchange(soci::into(*time));
    }
    for (Nullable<long long>* time : {&called_at, &ending_at, &gone_at}) {
      statement.exchange(store::into(*time));
    }
  }

  model::Machine machine() const {
    return {.id = trusted_id<model::MachineId>(id),
            .run_id = trusted_id<model::RunId>(run_id),
            .placer = placer,
            .type = type,
            .zone = zone,
            .limits = decode_limits(limits),
            .state = model::parse_machine_state(state).value_or(model::MachineState::ending),
            .attempt = attempt,
            .token_hash = token_hash,
            .parts = parts,
            .said = said,
            .made_at = from_us(made_at),
            .boot_until = from_us(boot_until),
            .life_until = from_us(life_until),
            .called_at = from_us(called_at),
            .ending_at = from_us(ending_at),
            .gone_at = from_us(gone_at)};
  }
};

}  // namespace

Result<std::vector<WantsMachine>> machines_wanted(Connection& connection, base::TimePoint now,
                                                  int limit) {
  const long long us = to_us(now);
  std::vector<WantsMachine> wanted;
  std::string id, owner, limits, waiting;
  int tried = 0;
  connection.each_row(
      kWanted,
      [&] {
        wanted.push_back(
            {trusted_id<model::RunId>(id), owner, decode_limits(limits), tried, waiting});
      },
      soci::into(id), soci::into(owner), soci::into(limits), soci::into(waiting), soci::into(tried),
      use(us, "now"), use(limit, "limit"));
  return wanted;
}

Result<bool> intend_machine(Connection& connection, base::TimePoint now, const Intent& intent) {
  const model::Machine& machine = intent.machine;
  const long long us = to_us(now);
  const long long owned_until = to_us(now + intent.care);
  const long long boot_until = to_us(now + intent.boot);
  const long long life_until = to_us(now + intent.life);
  return connection.execute(kIntend, use(machine.id.str(), "id"), use(machine.placer, "placer"),
                            use(machine.type, "type"), use(machine.zone, "zone"),
                            use(intent.keeper, "owner"), use(owned_until, "owned_until"),
                            use(us, "now"), use(boot_until, "boot_until"),
                            use(life_until, "life_until"), use(machine.token_hash, "token_hash"),
                            use(machine.run_id.str(), "run"), use(us, "now2")) > 0;
}

Result<std::vector<KeptMachine>> keep_machines(Connection& connection, base::TimePoint now,
                                               const std::string& keeper,
                                               std::chrono::microseconds care) {
  const long long us = to_us(now);
  const long long owned_until = to_us(now + care);
  connection.execute(kTakeCare, use(keeper, "owner"), use(owned_until, "owned_until"),
                     use(keeper, "owner2"), use(us, "now"));
  std::vector<KeptMachine> kept;
  MachineRow row;
  std::string status;
  int attempt = 0;
  const auto columns = [&](soci::statement& s) { row.into(s); };
  connection.each_row(
      kKept,
      [&] {
        kept.push_back({row.machine(),
                        model::parse_status(status).value_or(model::RunStatus::failed), attempt,
                        !row.called_at.get() && row.boot_until <= us, row.life_until <= us});
      },
      columns, soci::into(status), soci::into(attempt), use(keeper, "owner"));
  return kept;
}

void take_over(Connection& connection, base::TimePoint now, const std::string& keeper,
               std::chrono::microseconds care) {
  const long long owned_until = to_us(now + care);
  connection.execute(kTakeOver, use(keeper, "owner"), use(owned_until, "owned_until"));
}

Result<bool> change_machine(Connection& connection, base::TimePoint now,
                            const MachineChange& change, const CostRules& rules) {
  const bool over = change.to == model::MachineState::gone;
  if (over) lock_run_of(connection, change.id);
  const long long us = to_us(now);
  const std::string from(model::name(change.from));
  const std::string to(model::name(change.to));
  const Nullable<std::string> parts(change.parts);
  const Nullable<std::string> said(change.said);
  const auto texts = [&](soci::statement& s) {
    s.exchange(store::use(parts, "parts"));
    s.exchange(store::use(said, "said"));
  };
  const bool done = connection.execute(kChange, use(to, "to"), texts, use(to, "to1"),
                                       use(us, "now1"), use(to, "to2"), use(us, "now"),
                                       use(to, "to3"), use(us, "now2"), use(change.id.str(), "id"),
                                       use(from, "from"), use(change.keeper, "owner")) > 0;
  if (done && over) charge_machine(connection, now, rules, change.id);
  return done;
}

Result<std::vector<model::Machine>> machines_left(Connection& connection) {
  std::vector<model::Machine> left;
  MachineRow row;
  const auto columns = [&](soci::statement& s) { row.into(s); };
  connection.each_row(
      kLeft, [&] { left.push_back(row.machine()); }, columns);
  return left;
}

Result<MachinePage> machine_page(Connection& connection, base::TimePoint now,
                                 const PageRequest& request) {
  PageOf<model::Machine> page(request);
  MachineRow row;
  const auto columns = [&](soci::statement& s) { row.into(s); };
  const std::string start = page_start(request);
  const int limit = rows_to_read(request);
  connection.each_row(
      kPage, [&] { page.add(row.said.size() + row.zone.size(), [&] { return row.machine(); }); },
      columns, use(start, "start"), use(limit, "limit"));
  Page<model::Machine> made = std::move(page).finish();
  return MachinePage{std::move(made.items), std::move(made.next), now};
}

Result<std::optional<model::Machine>> machine_by_token(Connection& connection,
                                                       const std::string& token_hash) {
  MachineRow row;
  const auto columns = [&](soci::statement& s) { row.into(s); };
  if (!connection.one_row(kByToken, columns, use(token_hash, "hash"))) {
    return std::optional<model::Machine>();
  }
  return std::optional(row.machine());
}

Result<std::optional<model::Job>> take_job(Connection& connection, base::TimePoint now,
                                           const model::MachineId& id, const std::string& taker,
                                           std::chrono::microseconds lease) {
  const long long us = to_us(now);
  const long long lease_until = to_us(now + lease);
  const std::string claimant = model::claimant_of(id);
  ClaimRow row;
  const auto columns = [&](soci::statement& s) { row.into(s); };
  if (connection.one_row(kTakenEarlier, columns, use(lease_until, "lease_until"),
                         use(id.str(), "machine"), use(taker, "taker"),
                         use(claimant, "claimant"))) {
    return std::optional(row.job(connection, now));
  }
  if (!connection.one_row(kTake, columns, use(claimant, "claimant"),
                          use(lease_until, "lease_until"), use(us, "now"), use(us, "now1"),
                          use(id.str(), "machine"))) {
    return std::optional<model::Job>();
  }
  const bool taken = connection.execute(kTaken, use(row.attempt, "attempt"), use(taker, "taker"),
                                        use(us, "now"), use(id.str(), "id")) > 0;
  // Its keeper has begun to end it: the run waits on, as what this wrote is rolled back.
  if (!taken) return fail(ErrorCode::conflict, "the machine is being ended");
  return std::optional(row.job(connection, now));
}

void tell_waiting(Connection& connection, const model::RunId& id, const std::string& why) {
  connection.execute(kTellWaiting, use(why, "why"), use(id.str(), "id"), use(why, "why2"));
}

bool give_up(Connection& connection, base::TimePoint now, const model::RunId& id,
             const model::Failure& why, const CostRules& rules) {
  const long long us = to_us(now);
  const FailureColumns failure(why);
  const auto failure_values = [&](soci::statement& s) { failure.use_in(s); };
  const bool done =
      connection.execute(kGiveUp, use(us, "now"), failure_values, use(id.str(), "id")) > 0;
  if (done) charge_ended(connection, rules, id);
  return done;
}

bool any_machine_left(Connection& connection) {
  int left = 0;
  connection.one_row(kAnyLeft, soci::into(left));
  return left > 0;
}

Result<std::vector<Lease>> dead_at_home(Connection& connection, base::TimePoint now, int limit) {
  const long long us = to_us(now);
  std::vector<Lease> leases;
  std::string id;
  int attempt = 0;
  connection.each_row(
      kDead,
      [&] {
        leases.push_back({trusted_id<model::RunId>(id), attempt});
      },
      soci::into(id), soci::into(attempt), use(us, "now"), use(limit, "limit"));
  return leases;
}

void renew_at_home(Connection& connection, base::TimePoint now, std::chrono::microseconds lease) {
  const long long lease_until = to_us(now + lease);
  connection.execute(kRenew, use(lease_until, "lease_until"), use(lease_until, "lease_until2"));
}

Result<int> leave_machines_of(Connection& connection, base::TimePoint now, const CostRules& rules,
                              const std::string& placer) {
  int live = 0;
  connection.one_row(kLiveOf, soci::into(live), use(placer, "placer"));
  if (live > 0) {
    return fail(ErrorCode::conflict,
                std::to_string(live) + " machines of " + placer + " may be at work");
  }
  std::vector<model::MachineId> ending;
  std::string id;
  connection.each_row(
      kEndingOf, [&] { ending.push_back(trusted_id<model::MachineId>(id)); }, soci::into(id),
      use(placer, "placer"));
  const long long us = to_us(now);
  int left = 0;
  for (const model::MachineId& one : ending) {
    lock_run_of(connection, one);
    if (connection.execute(kLeaveOne, use(us, "now"), use(one.str(), "id")) == 0) continue;
    charge_machine(connection, now, rules, one);
    ++left;
  }
  return left;
}

void leave_machines(Connection& connection, base::TimePoint now, const std::string& why) {
  const long long us = to_us(now);
  connection.execute(kLeave, use(us, "now"), use(why, "why"));
}

}  // namespace mecapy::store
