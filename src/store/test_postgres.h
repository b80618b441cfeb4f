// For tests: a database of one's own on the PostgreSQL that tools/services.sh started.
#pragma once

#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>

#include <string>

#include "base/clock.h"
#include "base/id.h"
#include "base/test_services.h"

namespace mecapy::store {

inline std::string postgres_url() { return base::of_service("postgres"); }

// A role and a schema of its name, where its tables are, that go with this object.
class TestSchema {
 public:
  TestSchema() {
    admin("CREATE ROLE " + name_ + " LOGIN PASSWORD '" + name_ + "'");
    admin("CREATE SCHEMA AUTHORIZATION " + name_);
  }
  ~TestSchema() {
    try {
      end_connections();
      admin("SET client_min_messages = 'warning'; DROP SCHEMA " + name_ + " CASCADE");
      admin("DROP ROLE " + name_);
    } catch (const soci::soci_error&) {
      // They stay until the server is made anew.
    }
  }
  TestSchema(const TestSchema&) = delete;
  TestSchema& operator=(const TestSchema&) = delete;

  std::string url() const {
    std::string url = postgres_url();
    const std::size_t begin = url.find("//") + 2;
    return url.replace(begin, url.find('@') - begin, name_ + ":" + name_);
  }
  // A connection beside the store's.
  soci::session session() const { return {soci::postgresql, url() + "&application_name=test"}; }

  // A clock of the server's that stands still, for connections made from now on: their now() is the
  // schema's own.
  void stop_clock() const {
    auto role = session();
    role << "CREATE TABLE clock (us BIGINT NOT NULL)";
    role << "INSERT INTO clock VALUES (0)";
    role << "CREATE FUNCTION now() RETURNS timestamptz STABLE LANGUAGE sql AS"
            " $$ SELECT timestamptz 'epoch' + us * interval '1 microsecond' FROM " +
                name_ + ".clock $$";
    role << "ALTER ROLE " + name_ + " SET search_path = " + name_ + ", pg_catalog";
  }
  void set_clock(base::TimePoint t) const {
    admin("UPDATE " + name_ + ".clock SET us = " + std::to_string(t.time_since_epoch().count()));
  }

  // For connections made from now on: a transaction takes a minute to begin.
  void slow_down() const {
    auto role = session();
    role << "CREATE FUNCTION now() RETURNS timestamptz VOLATILE LANGUAGE sql AS"
            " $$ SELECT pg_catalog.now() FROM pg_catalog.pg_sleep(60) $$";
    role << "ALTER ROLE " + name_ + " SET search_path = " + name_ + ", pg_catalog";
    end_connections();
  }
  // Statements of the store's that the server works on, or that wait there for a lock.
  int at_work() const {
    int count = 0;
    session() << "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mecapy'"
                 " AND usename = current_user AND state = 'active'",
        soci::into(count);
    return count;
  }

  // As an operator, or an accident: no connection of this role stays, or is let in.
  void end_connections() const {
    admin(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mecapy'"
        " AND usename = '" +
        name_ + "'");
  }
  void close() const { admin("ALTER ROLE " + name_ + " NOLOGIN"); }
  void open() const { admin("ALTER ROLE " + name_ + " LOGIN"); }

 private:
  static void admin(const std::string& statement) {
    static soci::session session(soci::postgresql, postgres_url());
    session << statement;
  }

  std::string name_ = "t" + base::random_hex(12);
};

}  // namespace mecapy::store
