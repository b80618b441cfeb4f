#include "store/postgres_connection.h"

#include <libpq-fe.h>
#include <soci/postgresql/soci-postgresql.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include "base/loopback.h"
#include "store/column.h"

namespace mecapy::store {
namespace {

struct Parameter {
  const char* name;
  const char* value;
};
// A server that went away silently is noticed: within 5 s while connecting, 10 s while sending, 25
// s while idle. What waits for its answer is ended by the pool.
constexpr Parameter kDefaults[] = {
    {"connect_timeout", "5"},     {"tcp_user_timeout", "10000"}, {"keepalives_idle", "10"},
    {"keepalives_interval", "5"}, {"keepalives_count", "3"},     {"application_name", "mecapy"},
    {"client_encoding", "UTF8"},
};
// In one message. The timeout of idle transactions is for a process of ours that hangs in one. The
// last: a commit is on the disk, whatever was set for the role, the database or the server; who set
// more than that, as with standby servers, has more.
std::string session_settings(StatementLimits limits) {
  return "SET client_min_messages = 'warning'; SET statement_timeout = " +
         std::to_string(limits.statement.count()) +
         "; SET lock_timeout = " + std::to_string(limits.lock.count()) +
         "; SET idle_in_transaction_session_timeout = '15s'"
         "; SELECT set_config('synchronous_commit',"
         " COALESCE(NULLIF(current_setting('synchronous_commit'), 'off'), 'on'), false)";
}
// In one message with a transaction's begin, so that the time costs no way there and back.
constexpr const char* kTime = "SELECT CAST(EXTRACT(EPOCH FROM now()) * 1000000 AS BIGINT)";
constexpr std::string_view kSafeMode = "verify-full";

using Options = std::map<std::string, std::string>;

std::optional<Options> parse(const std::string& url) {
  if (!url.starts_with("postgresql://") && !url.starts_with("postgres://")) return std::nullopt;
  PQconninfoOption* parsed = PQconninfoParse(url.c_str(), nullptr);
  if (parsed == nullptr) return std::nullopt;
  Options options;
  for (const PQconninfoOption* option = parsed; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) options[option->keyword] = option->val;
  }
  PQconninfoFree(parsed);
  return options;
}

// "a,b" as libpq takes it: several servers, tried in turn.
bool is_here(std::string_view hosts) {
  while (true) {
    const std::string_view host = hosts.substr(0, hosts.find(','));
    const bool here = host.empty() || host.starts_with('/') || base::is_loopback(host);
    if (!here) return false;
    if (host.size() == hosts.size()) return true;
    hosts.remove_prefix(host.size() + 1);
  }
}

std::string value_of(const Options& options, const char* name) {
  const auto found = options.find(name);
  return found == options.end() ? "" : found->second;
}

void add(std::string& url, std::string_view name, std::string_view value) {
  url += url.find('?') == std::string::npos ? '?' : '&';
  url.append(name).append("=").append(value);
}

const char* begin_of(Access access) {
  switch (access) {
    case Access::read:
      return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ";
    case Access::write:
      return "BEGIN; ";
    case Access::write_relaxed:
      return "BEGIN; SET LOCAL synchronous_commit TO off; ";
  }
  return "";
}

base::TimePoint time_after(Connection& connection, const char* statements) {
  long long us = 0;
  connection.session().once << statements << kTime, soci::into(us);
  return from_us(us);
}

PGconn* raw(Connection& connection) {
  return static_cast<soci::postgresql_session_backend*>(connection.session().get_backend())->conn_;
}

}  // namespace

Result<std::string> complete_postgres_url(const std::string& url) {
  const auto options = parse(url);
  if (!options) {
    return fail(ErrorCode::usage,
                "the database's URL is not postgresql://USER:PASSWORD@HOST:PORT/NAME");
  }
  std::string complete = url;
  const std::string mode = value_of(*options, "sslmode");
  // libpq connects to hostaddr where both are given.
  const bool here = is_here(value_of(*options, "host")) && is_here(value_of(*options, "hostaddr"));
  if (!here && !mode.empty() && mode != kSafeMode) {
    return fail(ErrorCode::usage,
                "the database is on another machine: its URL must say "
                "sslmode=verify-full&sslrootcert=FILE, not sslmode=" +
                    mode);
  }
  if (!here && mode.empty()) add(complete, "sslmode", kSafeMode);
  for (const Parameter& parameter : kDefaults) {
    if (!options->contains(parameter.name)) add(complete, parameter.name, parameter.value);
  }
  return complete;
}

Result<std::unique_ptr<Connection>> connect_postgres(const std::string& complete_url,
                                                     StatementLimits limits) {
  try {
    auto session = std::make_unique<soci::session>(soci::postgresql, complete_url);
    *session << session_settings(limits);
    return std::make_unique<Connection>(std::move(session), translate_postgres,
                                        Connection::Locks::rows);
  } catch (const soci::soci_error& e) {
    std::string reason = e.what();
    std::ranges::replace(reason, '\n', ' ');
    return fail(ErrorCode::storage, "the database cannot be reached: " + reason);
  }
}

Error translate_postgres(const soci::soci_error& e) {
  const auto* error = dynamic_cast<const soci::postgresql_soci_error*>(&e);
  const std::string state = error == nullptr ? "" : error->sqlstate();
  if (state.starts_with("23")) {
    return fail(ErrorCode::conflict, "the database refused a duplicate or dangling id");
  }
  if (state.starts_with("40") || state == "55P03") {
    return fail(ErrorCode::busy, "others changed the same rows");
  }
  if (state == "57014") return fail(ErrorCode::storage, "the database took too long");
  return fail(ErrorCode::storage,
              "the database failed" + (state.empty() ? "" : " (PostgreSQL " + state + ")"));
}

void begin_postgres(Connection& connection, Access access) {
  connection.set_now(time_after(connection, begin_of(access)));
}

base::TimePoint server_time(Connection& connection) { return time_after(connection, ""); }

bool is_idle(Connection& connection) {
  PGconn* const conn = raw(connection);
  return PQstatus(conn) == CONNECTION_OK && PQtransactionStatus(conn) == PQTRANS_IDLE;
}

int socket_of(Connection& connection) { return PQsocket(raw(connection)); }

}  // namespace mecapy::store
