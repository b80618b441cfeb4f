// The store over SQLite: one thread that writes, a few that read.
#include <utility>

#include "store/migrations.h"
#include "store/sql_store.h"
#include "store/sqlite_connection.h"
#include "store/sqlite_lock.h"
#include "store/sqlite_readers.h"
#include "store/sqlite_writer.h"
#include "store/store.h"

namespace mecapy::store {
namespace {

constexpr int kReaders = 2;

class SqliteDatabase final : public Database {
 public:
  SqliteDatabase(base::Fd lock, std::unique_ptr<SqliteLog> log, std::unique_ptr<Connection> writer,
                 std::vector<std::unique_ptr<Connection>> readers,
                 const std::shared_ptr<const base::Clock>& clock)
      : lock_(std::move(lock)),
        log_(std::move(log)),
        writer_(std::move(writer), *log_, clock),
        readers_(std::move(readers), *log_, clock) {}

  void write(std::unique_ptr<Request> request, Durability durability) override {
    writer_.submit(std::move(request), durability);
  }
  void read(std::unique_ptr<Request> request, Reads reads) override {
    readers_.submit(std::move(request), reads);
  }
  Connections connections() const override {
    Connections all = readers_.connections();
    const Connections writer = writer_.connections();
    all.busy += writer.busy;
    all.idle += writer.idle;
    all.waiting += writer.waiting;
    return all;
  }

 private:
  base::Fd lock_;  // released last
  std::unique_ptr<SqliteLog> log_;
  SqliteWriter writer_;
  SqliteReaders readers_;  // first to end
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite(const std::string& path,
                                           std::shared_ptr<const base::Clock> clock,
                                           const std::function<void()>& on_migration,
                                           CostRules costs) {
  auto lock = lock_sqlite(path);
  if (!lock) return lock.error();
  if (auto made = make_sqlite_file(path); !made) return made.error();

  auto writer = connect_sqlite(path, SqliteUse::write);
  if (!writer) return writer.error();
  (*writer)->set_now(clock->now());
  if (auto done = migrate(**writer, kSqliteWords, on_migration); !done) return done.error();
  if (auto done = write_log_back(**writer); !done) return done.error();
  auto log = SqliteLog::open(path);
  if (!log) return log.error();

  std::vector<std::unique_ptr<Connection>> readers;
  for (int i = 0; i < kReaders; ++i) {
    auto reader = connect_sqlite(path, SqliteUse::read);
    if (!reader) return reader.error();
    readers.push_back(std::move(*reader));
  }
  return make_sql_store(
      std::make_unique<SqliteDatabase>(std::move(*lock), std::move(*log), std::move(*writer),
                                       std::move(readers), clock),
      std::move(costs));
}

}  // namespace mecapy::store
