#include "store/reap_sql.h"

#include <utility>

#include "base/id.h"
#include "store/column.h"

namespace mecapy::store {
namespace {

using soci::use;

constexpr Sql kBegin =
    "INSERT INTO reapings (placer, owner, owned_until, begun_at)"
    " VALUES (:placer, :owner, :owned_until, :now)"
    " ON CONFLICT (placer) DO UPDATE SET owner = excluded.owner,"
    " owned_until = excluded.owned_until, begun_at = excluded.begun_at"
    " WHERE reapings.owned_until <= :now1 AND reapings.begun_at <= :before";
constexpr Sql kRenew =
    "UPDATE reapings SET owned_until = :owned_until"
    " WHERE placer = :placer AND owner = :owner AND owned_until > 0";
constexpr Sql kEnd =
    "UPDATE reapings SET owned_until = 0, trouble = :trouble,"
    " done_at = CASE WHEN :trouble1 = '' THEN :now ELSE done_at END,"
    " failing_since = CASE WHEN :trouble2 = '' THEN NULL ELSE COALESCE(failing_since, :now1) END"
    " WHERE placer = :placer AND owner = :owner";
constexpr Sql kForgetReapers = "UPDATE reapings SET owned_until = 0, begun_at = 0";
constexpr Sql kReapings =
    "SELECT placer, begun_at, done_at, trouble, failing_since FROM reapings ORDER BY placer";

constexpr Sql kKeep =
    "INSERT INTO leftovers (placer, kind, zone, id, machine, since, reaped_by, said)"
    " VALUES (:placer, :kind, :zone, :id, :machine, :now, :by, :said)"
    " ON CONFLICT (placer, kind, zone, id) DO UPDATE SET machine = excluded.machine,"
    " said = excluded.said, reaped_by = excluded.reaped_by";
constexpr Sql kForgetOthers = "DELETE FROM leftovers WHERE placer = :placer AND reaped_by <> :by";
constexpr Sql kLeftovers =
    "SELECT placer, kind, zone, id, machine, since, said FROM leftovers"
    " ORDER BY since, placer, kind, zone, id";
constexpr Sql kForgetAll = "DELETE FROM leftovers";
constexpr Sql kForgetReapings = "DELETE FROM reapings";
constexpr Sql kForgetLeftoversOf = "DELETE FROM leftovers WHERE placer = :placer";
constexpr Sql kForgetReaping = "DELETE FROM reapings WHERE placer = :placer";

}  // namespace

bool begin_reaping(Connection& connection, base::TimePoint now, const std::string& placer,
                   const std::string& keeper, std::chrono::microseconds lease,
                   std::chrono::microseconds pause) {
  const long long us = to_us(now);
  const long long owned_until = to_us(now + lease);
  const long long before = to_us(now - pause);
  return connection.execute(kBegin, use(placer, "placer"), use(keeper, "owner"),
                            use(owned_until, "owned_until"), use(us, "now"), use(us, "now1"),
                            use(before, "before")) > 0;
}

bool renew_reaping(Connection& connection, base::TimePoint now, const std::string& placer,
                   const std::string& keeper, std::chrono::microseconds lease) {
  const long long owned_until = to_us(now + lease);
  return connection.execute(kRenew, use(owned_until, "owned_until"), use(placer, "placer"),
                            use(keeper, "owner")) > 0;
}

void end_reaping(Connection& connection, base::TimePoint now, const Reaped& reaped) {
  const long long us = to_us(now);
  const bool ours =
      connection.execute(kEnd, use(reaped.trouble, "trouble"), use(reaped.trouble, "trouble1"),
                         use(us, "now"), use(reaped.trouble, "trouble2"), use(us, "now1"),
                         use(reaped.placer, "placer"), use(reaped.keeper, "owner")) > 0;
  if (!ours || !reaped.trouble.empty()) return;
  const std::string by = base::random_hex(8);  // this comparison
  for (const Leftover& part : reaped.left) {
    connection.execute(kKeep, use(reaped.placer, "placer"), use(part.kind, "kind"),
                       use(part.zone, "zone"), use(part.id, "id"), use(part.machine, "machine"),
                       use(us, "now"), use(by, "by"), use(part.said, "said"));
  }
  connection.execute(kForgetOthers, use(reaped.placer, "placer"), use(by, "by"));
}

void forget_reapers(Connection& connection) { connection.execute(kForgetReapers); }

Result<std::vector<Reaping>> reapings(Connection& connection) {
  std::vector<Reaping> all;
  std::string placer, trouble;
  long long begun_at = 0;
  Nullable<long long> done_at, since;
  const auto times = [&](soci::statement& s) {
    s.exchange(store::into(done_at));
    s.exchange(soci::into(trouble));
    s.exchange(store::into(since));
  };
  connection.each_row(
      kReapings,
      [&] {
        all.push_back({placer, from_us(done_at), trouble, from_us(since), from_us(begun_at)});
      },
      soci::into(placer), soci::into(begun_at), times);
  return all;
}

Result<std::vector<Leftover>> leftovers(Connection& connection) {
  std::vector<Leftover> all;
  Leftover part;
  long long since = 0;
  connection.each_row(
      kLeftovers,
      [&] {
        part.since = from_us(since);
        all.push_back(part);
      },
      soci::into(part.placer), soci::into(part.kind), soci::into(part.zone), soci::into(part.id),
      soci::into(part.machine), soci::into(since), soci::into(part.said));
  return all;
}

bool forget_reaping(Connection& connection, const std::string& placer) {
  const auto parts = connection.execute(kForgetLeftoversOf, use(placer, "placer"));
  return connection.execute(kForgetReaping, use(placer, "placer")) + parts > 0;
}

void forget_leftovers(Connection& connection) {
  connection.execute(kForgetAll);
  connection.execute(kForgetReapings);
}

}  // namespace mecapy::store
