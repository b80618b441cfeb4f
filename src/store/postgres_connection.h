// How a PostgreSQL database is reached, and how its errors are told.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "store/connection.h"
#include "store/store.h"

namespace mecapy::store {

// `url` as libpq wants it, with what it does not say itself: timeouts, and sslmode=verify-full when
// the server is not on this machine. usage when it is no URL of PostgreSQL, or asks for less than
// verify-full from a server that is not here.
Result<std::string> complete_postgres_url(const std::string& url);

// Connects to a complete URL. The error is libpq's own reason, for the operator: it names the
// server and the user.
Result<std::unique_ptr<Connection>> connect_postgres(const std::string& complete_url,
                                                     StatementLimits limits);

// What a transaction may do, and what it survives (sql_store.h).
enum class Access { read, write, write_relaxed };

// Begins a transaction, and tells the connection the server's time. Throws soci::soci_error.
void begin_postgres(Connection& connection, Access access);

// The server's clock. Throws soci::soci_error.
base::TimePoint server_time(Connection& connection);

// storage; conflict for a broken constraint; busy for what another try may not meet again. Never
// the server's words, which quote values.
Error translate_postgres(const soci::soci_error& e);

// No transaction is open, and the server was there when it last spoke.
bool is_idle(Connection& connection);

// The connection's socket. Shut down, it ends what waits on it.
int socket_of(Connection& connection);

}  // namespace mecapy::store
