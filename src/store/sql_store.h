// The store over any SQL database: each call of Store as a request of the shared SQL (*_sql.cc).
#pragma once

#include <memory>

#include "store/request.h"
#include "store/store.h"

namespace mecapy::store {

// What a write must survive before it is answered: a loss of power; the end of the database alone,
// while processes of ours that acted on the answer live on; or kill -9 of the process only. A
// relaxed write becomes durable with the next durable one.
enum class Durability { power_loss, database_death, process_death };

// What a read may be answered with: what is on the disk, so that it may be told; or also what is
// committed and on its way there.
enum class Reads { durable, committed };

// The threads and connections of one database. Every request is one transaction; its answer is
// given when that has ended, one way or the other. The connection it runs on knows the time by the
// database's clock at which its transaction began. Thread-safe. Its end waits for what was begun.
class Database {
 public:
  virtual ~Database() = default;
  virtual void write(std::unique_ptr<Request> request, Durability durability) = 0;
  // Sees one state of the database from its begin to its end, and what was committed before it
  // began.
  virtual void read(std::unique_ptr<Request> request, Reads reads) = 0;
  virtual Connections connections() const = 0;
};

// `database` has the newest schema (migrations.h).
std::unique_ptr<Store> make_sql_store(std::unique_ptr<Database> database, CostRules costs);

}  // namespace mecapy::store
