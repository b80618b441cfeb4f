// A database connection that keeps its prepared statements: on the path of a run, preparing costs
// more than running. Not thread-safe; each thread of a store owns one.
#pragma once

#include <soci/soci.h>

#include <memory>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "store/sql_text.h"

namespace mecapy::store {

class Connection {
 public:
  // How a dialect turns an exception of its library into an Error that holds no content.
  using Translate = Error (*)(const soci::soci_error&);
  // What a transaction that writes keeps from others: the database, or the rows that it changes.
  enum class Locks { database, rows };

  Connection(std::unique_ptr<soci::session> session, Translate translate, Locks locks)
      : session_(std::move(session)), translate_(translate), locks_(locks) {}

  soci::session& session() { return *session_; }
  Error translate(const soci::soci_error& e) const { return translate_(e); }
  Locks locks() const { return locks_; }

  // When the transaction that is open began, by the database's clock: told by who began it.
  base::TimePoint now() const { return now_; }
  void set_now(base::TimePoint now) { now_ = now; }

  // Runs `sql` with the given soci::use() and soci::into() (or functions that add theirs to the
  // statement) and calls on_row() after each row arrived in the into() variables. Returns how many
  // rows were changed. Throws soci::soci_error.
  template <class OnRow, class... Exchange>
  long long each_row(Sql sql, OnRow on_row, Exchange&&... exchange) {
    soci::statement& statement = prepared(sql);
    try {
      (add(statement, exchange), ...);
      statement.define_and_bind();
      // Every row is fetched, also the end after the last one: a statement left half way would keep
      // its read transaction open.
      for (bool row = statement.execute(true); row; row = statement.fetch()) on_row();
      const long long changed = statement.get_affected_rows();
      statement.bind_clean_up();
      return changed;
    } catch (...) {
      prepared_.erase(sql.text());
      throw;
    }
  }

  // For statements without rows: how many rows were changed.
  template <class... Exchange>
  long long execute(Sql sql, Exchange&&... exchange) {
    return each_row(
        sql, [] {}, exchange...);
  }

  // For statements with at most one row: whether there was one.
  template <class... Exchange>
  bool one_row(Sql sql, Exchange&&... exchange) {
    bool found = false;
    each_row(
        sql, [&] { found = true; }, exchange...);
    return found;
  }

  // Forgets the prepared statements.
  void forget_statements() { prepared_.clear(); }

 private:
  template <class Exchange>
  static void add(soci::statement& statement, Exchange& exchange) {
    if constexpr (std::is_invocable_v<Exchange&, soci::statement&>) {
      exchange(statement);
    } else {
      statement.exchange(exchange);
    }
  }

  soci::statement& prepared(Sql sql) {
    auto& slot = prepared_[sql.text()];
    if (!slot) {
      auto statement = std::make_unique<soci::statement>(*session_);
      statement->alloc();
      statement->prepare(sql.text());
      slot = std::move(statement);
    }
    return *slot;
  }

  std::unique_ptr<soci::session> session_;
  Translate translate_;
  Locks locks_;
  base::TimePoint now_{};
  std::unordered_map<const char*, std::unique_ptr<soci::statement>> prepared_;
};

}  // namespace mecapy::store
