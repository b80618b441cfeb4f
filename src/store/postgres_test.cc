// What PostgreSQL's store promises beside the contract: how it is reached, that several processes
// share it, and that it comes back. On the server of tools/services.sh.
#include <gtest/gtest.h>

#include <csignal>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "store/cost_contract.h"
#include "store/migrations.h"
#include "store/postgres_connection.h"
#include "store/test_postgres.h"
#include "store/workflow_contract.h"

namespace mecapy::store {
namespace {

using std::chrono::milliseconds;

PostgresOptions options_of(const TestSchema& schema, int connections = 2) {
  PostgresOptions options;
  options.url = schema.url();
  options.connections = connections;
  return options;
}

std::unique_ptr<Store> open_ok(const PostgresOptions& options) {
  return open_postgres(options).value();
}

struct OwnedStore {
  TestSchema schema;
  std::unique_ptr<Store> store;
};

// Whatever the time is here: the server's is the test's.
StoreUnderTest make_owned() {
  auto owned = std::make_shared<OwnedStore>();
  owned->schema.stop_clock();
  const auto open = [owned = owned.get()] {
    PostgresOptions options = options_of(owned->schema, 4);
    options.costs = test_costs();
    owned->store = open_ok(options);
  };
  open();
  const auto reopen = [owned, open](const std::vector<std::string>& statements) {
    owned->store.reset();
    {
      auto session = owned->schema.session();
      for (const std::string& statement : statements) session << statement;
    }
    open();
    return std::shared_ptr<Store>(owned, owned->store.get());
  };
  return {{owned, owned->store.get()},
          [owned](base::TimePoint t) { owned->schema.set_clock(t); },
          reopen};
}

INSTANTIATE_TEST_SUITE_P(Postgres, StoreContract,
                         testing::Values(StoreFactory{"postgres", make_owned}));
INSTANTIATE_TEST_SUITE_P(Postgres, MachineContract,
                         testing::Values(StoreFactory{"postgres", make_owned}));
INSTANTIATE_TEST_SUITE_P(Postgres, WorkflowContract,
                         testing::Values(StoreFactory{"postgres", make_owned}));
INSTANTIATE_TEST_SUITE_P(Postgres, CostContract,
                         testing::Values(StoreFactory{"postgres", make_owned}));
INSTANTIATE_TEST_SUITE_P(Postgres, BudgetContract,
                         testing::Values(StoreFactory{"postgres", make_owned}));

model::Task task_named(const std::string& name) {
  model::Task task;
  task.id = model::TaskId::make();
  task.user = "ann";
  task.name = name;
  return task;
}

TEST(Postgres, Url_IsCompletedSoThatAServerElsewhereIsVerified) {
  for (const char* here :
       {"postgresql://u@127.0.0.1/db", "postgres://u@localhost:5433/db",
        "postgresql://u@/db?host=/run/postgresql", "postgresql://u@127.0.0.1/db?sslmode=disable"}) {
    const auto url = complete_postgres_url(here);
    ASSERT_TRUE(url) << here;
    EXPECT_EQ(url->find("verify-full"), std::string::npos) << *url;
    EXPECT_NE(url->find("connect_timeout=5"), std::string::npos) << *url;
  }
  for (const char* elsewhere :
       {"postgresql://u@db.example/db", "postgresql://u@127.evil.example/db",
        "postgresql://u@127.0.0.1,10.0.0.1/db", "postgresql://u@localhost/db?hostaddr=10.0.0.1"}) {
    const auto url = complete_postgres_url(elsewhere);
    ASSERT_TRUE(url) << elsewhere;
    EXPECT_NE(url->find("sslmode=verify-full"), std::string::npos) << *url;
  }
  EXPECT_EQ(*complete_postgres_url("postgresql://u@db.example/db?connect_timeout=1"),
            "postgresql://u@db.example/db?connect_timeout=1&sslmode=verify-full"
            "&tcp_user_timeout=10000&keepalives_idle=10&keepalives_interval=5&keepalives_count=3"
            "&application_name=mecapy&client_encoding=UTF8");
}

TEST(Postgres, Url_ThatAsksForLessOrIsNone_IsUsage) {
  for (const char* url : {"postgresql://u@db.example/db?sslmode=require",
                          "postgresql://u@db.example/db?sslmode=disable",
                          "postgresql://u@db.example/db?sslmode=verify-ca", "host=db.example",
                          "mysql://u@127.0.0.1/db", "postgresql://u@127.0.0.1/db?no_such=1", ""}) {
    const auto complete = complete_postgres_url(url);
    ASSERT_FALSE(complete) << url;
    EXPECT_EQ(complete.error().code, ErrorCode::usage);
  }
}

TEST(Postgres, CertificateOfSomebodyElse_IsRefused) {
  PostgresOptions options;
  options.url = postgres_url();
  const std::size_t root = options.url.find("sslrootcert=");
  options.url = options.url.substr(0, root) + "sslrootcert=/etc/ssl/certs/ca-certificates.crt";
  const auto store = open_postgres(options);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::storage);
  EXPECT_NE(store.error().message.find("certificate verify failed"), std::string::npos)
      << store.error().message;
}

TEST(Postgres, WrongPassword_IsToldWithoutThePassword) {
  PostgresOptions options;
  options.url = postgres_url();
  const std::size_t colon = options.url.find(':', options.url.find("//"));
  options.url.insert(colon + 1, "not-");
  const auto store = open_postgres(options);
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().message.find("password authentication failed"), std::string::npos);
  EXPECT_EQ(store.error().message.find("not-mecapy"), std::string::npos);
}

TEST(Postgres, ManyAtOnce_MigrateOnce) {
  const TestSchema schema;
  std::vector<std::future<std::unique_ptr<Store>>> opening;
  for (int i = 0; i < 6; ++i) {
    opening.push_back(
        std::async(std::launch::async, [&] { return open_ok(options_of(schema, 1)); }));
  }
  for (auto& store : opening) EXPECT_TRUE(await(store.get()->ping()));
  auto session = schema.session();
  int count = 0;
  session << "SELECT COUNT(*) FROM schema_migrations", soci::into(count);
  EXPECT_EQ(count, newest_schema());
}

TEST(Postgres, NewerDatabase_IsRefused) {
  const TestSchema schema;
  { open_ok(options_of(schema)); }
  auto session = schema.session();
  session << "INSERT INTO schema_migrations VALUES (99, 'of the future', 0)";
  const auto store = open_postgres(options_of(schema));
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().message.find("schema 99"), std::string::npos);
}

model::Run queued_run(const model::Task& task) {
  model::Run run;
  run.id = model::RunId::make();
  run.task_id = task.id;
  run.user = task.user;
  run.inputs.inline_bytes = "{}";
  return run;
}

TEST(Postgres, TwoStores_ClaimEachRunOnce) {
  const TestSchema schema;
  const auto one = open_ok(options_of(schema, 4));
  const auto two = open_ok(options_of(schema, 4));
  const model::Task task = task_named("beam");
  ASSERT_TRUE(await(one->create_task(task, std::nullopt)));
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(await(one->submit_run(queued_run(task), std::nullopt)));
  }
  const auto queued = await(two->queued_runs("", 100)).value();
  ASSERT_EQ(queued.size(), 40U);
  std::vector<awaitable<Result<std::optional<model::Job>>>> claims;
  for (const QueuedRun& run : queued) {
    claims.push_back(one->claim(run.run_id, "one", std::chrono::seconds(30)));
    claims.push_back(two->claim(run.run_id, "two", std::chrono::seconds(30)));
  }
  int claimed = 0;
  for (const auto& job : await_all(std::move(claims))) {
    ASSERT_TRUE(job) << job.error().message;
    if (*job) ++claimed;
  }
  EXPECT_EQ(claimed, 40);
}

// One that was forgotten would be given again under the same number, to the living of whom one has
// it already; and an end that was told is one for ever. A heartbeat may be forgotten, and that a
// run waits again.
TEST(Postgres, ClaimsAndCancelledEnds_SurviveTheEndOfTheDatabase) {
  const TestSchema schema;
  const auto store = open_ok(options_of(schema));
  auto session = schema.session();
  session << "CREATE TABLE seen (how TEXT)";
  session
      << "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
         " INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$";
  session << "CREATE TRIGGER sees AFTER UPDATE ON runs FOR EACH ROW EXECUTE FUNCTION see()";
  const auto seen = [&session] {
    std::string how;
    session << "SELECT how FROM seen", soci::into(how);
    session << "DELETE FROM seen";
    return how;
  };
  const model::Task task = task_named("beam");
  ASSERT_TRUE(await(store->create_task(task, std::nullopt)));
  const model::Run run = queued_run(task);
  ASSERT_TRUE(await(store->submit_run(run, std::nullopt)));
  ASSERT_TRUE(*await(store->claim(run.id, "one", std::chrono::seconds(30))));
  EXPECT_EQ(seen(), "on");
  ASSERT_TRUE(await(store->extend_leases("one", {{run.id, 1}}, std::chrono::seconds(60))));
  EXPECT_EQ(seen(), "off");
  ASSERT_EQ(*await(store->requeue({{run.id, 1}, {}, {}})), model::RunStatus::queued);
  EXPECT_EQ(seen(), "off");
  ASSERT_TRUE(*await(store->claim(run.id, "one", std::chrono::seconds(30))));
  ASSERT_TRUE(await(store->request_cancel("ann", run.id)));
  EXPECT_EQ(seen(), "on");
  ASSERT_EQ(*await(store->requeue({{run.id, 2}, {}, {}})), model::RunStatus::cancelled);
  EXPECT_EQ(seen(), "on");
}

// Whoever set up the server: what it is asked to keep is on its disk before it says so.
TEST(Postgres, WritesAreDurable_WhateverIsSetForTheRole) {
  const TestSchema schema;
  const std::pair<const char*, const char*> expected[] = {
      {"off", "on"}, {"on", "on"}, {"remote_apply", "remote_apply"}};
  { open_ok(options_of(schema)); }
  auto session = schema.session();
  session << "CREATE TABLE seen (how TEXT)";
  session
      << "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
         " INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$";
  session << "CREATE TRIGGER sees AFTER INSERT OR UPDATE ON runs FOR EACH ROW"
             " EXECUTE FUNCTION see()";
  for (const auto& [set, want] : expected) {
    session << std::string("ALTER ROLE CURRENT_USER SET synchronous_commit = ") + set;
    const auto store = open_ok(options_of(schema));
    const model::Task task = task_named("beam");
    const model::Run run = queued_run(task);
    session << "DELETE FROM seen";
    ASSERT_TRUE(await(store->submit_ad_hoc(task, run, std::nullopt)));
    ASSERT_TRUE(*await(store->claim(run.id, "one", std::chrono::seconds(30))));
    ASSERT_TRUE(*await(store->record_end({run.id, 1}, {.status = model::RunStatus::completed})));
    std::string how;
    session << "SELECT string_agg(how, ' ') FROM seen", soci::into(how);
    EXPECT_EQ(how, std::string(want) + " " + want + " " + want) << set;
  }
}

// Another process may be at the same, or a table be in use or large.
TEST(Postgres, TheSchemaMayTakeLongerThanAStatement) {
  const TestSchema schema;
  PostgresOptions options = options_of(schema, 1);
  options.limits = {.statement = milliseconds(100), .lock = milliseconds(100)};
  { open_ok(options); }
  const char* waits[] = {"SELECT pg_advisory_lock(7302958631)",
                         "LOCK TABLE runs IN ACCESS EXCLUSIVE MODE"};
  for (const char* wait : waits) {
    auto other = schema.session();
    for (const std::string& statement : back_to_3()) other << statement;
    std::future<Result<std::unique_ptr<Store>>> opening;
    {
      soci::transaction holds(other);
      other << wait;
      opening = std::async(std::launch::async, [&] { return open_postgres(options); });
      EXPECT_EQ(opening.wait_for(milliseconds(400)), std::future_status::timeout) << wait;
      EXPECT_EQ(schema.at_work(), 1) << wait;  // it waits there
    }
    other.close();
    const auto store = opening.get();
    ASSERT_TRUE(store) << wait << ": " << store.error().message;
    EXPECT_TRUE(await((*store)->ping())) << wait;
  }
}

// A run, and a database that does `what` within the commit of its claim.
struct SlowClaim {
  explicit SlowClaim(const std::string& what) {
    auto session = schema.session();
    session << "CREATE FUNCTION commits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM " +
                   what + "; RETURN NULL; END $$";
    session << "CREATE CONSTRAINT TRIGGER commits AFTER UPDATE ON runs DEFERRABLE INITIALLY"
               " DEFERRED FOR EACH ROW WHEN (OLD.status = 'queued') EXECUTE FUNCTION commits()";
    const model::Task task = task_named("beam");
    run = queued_run(task);
    EXPECT_TRUE(await(store->submit_ad_hoc(task, run, std::nullopt)));
  }
  // By a store that does not wait long for its answer.
  Result<std::optional<model::Job>> claim() const {
    PostgresOptions options = options_of(schema);
    options.give_up = milliseconds(700);
    return await(open_ok(options)->claim(run.id, "one", std::chrono::seconds(30)));
  }
  TestSchema schema;
  std::unique_ptr<Store> store = open_ok(options_of(schema));
  model::Run run;
};

TEST(Postgres, ClaimThatBrokeOffAsItWasCommittedAndIsThere_IsGiven) {
  const SlowClaim slow("pg_sleep(2)");
  const auto job = slow.claim();
  ASSERT_TRUE(job) << job.error().message;
  ASSERT_TRUE(*job);
  EXPECT_EQ((*job)->attempt, 1);
  EXPECT_EQ((*job)->user, "ann");
  EXPECT_TRUE(*await(slow.store->record_end({slow.run.id, 1}, {})));
}

TEST(Postgres, ClaimThatBrokeOffAsItWasCommittedAndIsNotThere_IsStorage) {
  const SlowClaim slow("pg_terminate_backend(pg_backend_pid())");
  const auto job = slow.claim();
  ASSERT_FALSE(job);
  EXPECT_EQ(job.error().message, "the database broke off while it committed");
  EXPECT_EQ(await(slow.store->get_run("ann", slow.run.id))->attempt, 0);
}

TEST(Postgres, ConnectionsThatTheServerEnded_AreMadeAnewUnseen) {
  const TestSchema schema;
  const auto store = open_ok(options_of(schema));
  const model::Task task = task_named("beam");
  ASSERT_TRUE(await(store->create_task(task, std::nullopt)));
  for (int i = 0; i < 5; ++i) {
    schema.end_connections();
    const auto found = await(store->get_task("ann", task.id, std::nullopt));
    ASSERT_TRUE(found) << found.error().message;
    ASSERT_TRUE(await(store->create_task(task_named("again"), std::nullopt)));
  }
}

TEST(Postgres, ServerThatDoesNotAnswer_IsGivenUp) {
  const TestSchema schema;
  PostgresOptions options = options_of(schema, 1);
  options.give_up = milliseconds(300);
  const auto store = open_ok(options);
  ASSERT_TRUE(await(store->ping()));
  auto session = schema.session();
  int pid = 0;
  session << "SELECT pid FROM pg_stat_activity WHERE application_name = 'mecapy'"
             " AND usename = current_user",
      soci::into(pid);
  ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  const auto answer = await(store->ping());
  ::kill(pid, SIGCONT);
  EXPECT_TRUE(answer) << answer.error().message;  // on another connection
}

// The server ends such statements itself; without that they would go on there after we gave up.
TEST(Postgres, StatementThatTakesTooLong_IsEnded) {
  const TestSchema schema;
  PostgresOptions options = options_of(schema, 1);
  options.patience = options.limits.statement = milliseconds(200);
  const auto store = open_ok(options);
  schema.slow_down();
  const auto late = await(store->ping());
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::storage);
  EXPECT_EQ(late.error().message, "the database took too long");
  EXPECT_EQ(schema.at_work(), 0);
}

TEST(Postgres, LockThatIsNotGiven_IsNotWaitedForLong) {
  const TestSchema schema;
  PostgresOptions options = options_of(schema, 1);
  options.patience = options.limits.lock = milliseconds(200);
  const auto store = open_ok(options);
  auto other = schema.session();
  soci::transaction holds(other);
  other << "LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE";
  const auto late = await(store->create_task(task_named("beam"), std::nullopt));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().message, "the database took too long");
  EXPECT_EQ(schema.at_work(), 0);
}

TEST(Postgres, ServerThatIsAway_IsStorageWithinThePatienceAndThereAgainAfterwards) {
  const TestSchema schema;
  PostgresOptions options = options_of(schema);
  options.patience = milliseconds(300);
  std::vector<std::optional<std::string>> told;
  std::mutex mutex;
  options.on_change = [&](const std::optional<std::string>& why) {
    const std::lock_guard lock(mutex);
    told.push_back(why);
  };
  const auto store = open_ok(options);
  ASSERT_TRUE(await(store->ping()));

  schema.close();
  schema.end_connections();
  for (int i = 0; i < 3; ++i) {
    const auto away = await(store->ping());
    ASSERT_FALSE(away);
    EXPECT_EQ(away.error().code, ErrorCode::storage);
    EXPECT_EQ(away.error().message, "the database cannot be reached");
  }
  schema.open();
  EXPECT_TRUE(await(store->ping()));

  const std::lock_guard lock(mutex);
  ASSERT_EQ(told.size(), 2U);  // once each, however often it was tried
  EXPECT_NE(told[0].value().find("is not permitted to log in"), std::string::npos) << *told[0];
  EXPECT_FALSE(told[1]);
}

TEST(Postgres, WhatWaitsForADatabaseThatComesBack_IsDone) {
  const TestSchema schema;
  const auto store = open_ok(options_of(schema));
  schema.close();
  schema.end_connections();
  auto waiting = std::async(std::launch::async, [&] {
    return await(store->create_task(task_named("beam"), std::nullopt));
  });
  EXPECT_EQ(waiting.wait_for(milliseconds(200)), std::future_status::timeout);
  schema.open();
  const auto made = waiting.get();
  EXPECT_TRUE(made) << made.error().message;
}

TEST(Postgres, ARunThatAnotherReadsFrom_CannotBeRemoved) {
  const TestSchema schema;
  const auto store = open_ok(options_of(schema));
  const Answered runs = answer_one(*store);
  auto session = schema.session();
  session << "DELETE FROM artifacts";
  EXPECT_THROW(session << "DELETE FROM runs WHERE id = '" + runs.origin.str() + "'",
               soci::soci_error);
  session << "DELETE FROM runs WHERE id = '" + runs.answered.str() + "'";
  session << "DELETE FROM runs WHERE id = '" + runs.origin.str() + "'";
}

TEST(Postgres, HotQueries_UseTheirIndex) {
  const TestSchema schema;
  { open_ok(options_of(schema)); }
  auto session = schema.session();
  session << "SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off";
  const char* queries[] = {
      "SELECT * FROM runs WHERE id = 'a'",
      "SELECT * FROM runs WHERE owner = 'a' AND id < 'b' ORDER BY id DESC LIMIT 51",
      "SELECT * FROM runs WHERE owner = 'a' AND status = 's' AND id < 'b' ORDER BY id DESC LIMIT 5",
      "SELECT * FROM runs WHERE task_id = 't' ORDER BY id DESC LIMIT 1",
      "SELECT id FROM runs WHERE status = 'running' AND lease_until <= 1 ORDER BY lease_until",
      "SELECT id, not_before FROM runs WHERE status = 'queued' AND id > 'a' ORDER BY id LIMIT 9",
      // As the foreign key asks before a run is removed.
      "SELECT 1 FROM ONLY runs x WHERE 'a' OPERATOR(pg_catalog.=) payloads_of FOR KEY SHARE OF x",
  };
  for (const char* query : queries) {
    const soci::rowset<std::string> plan = session.prepare << "EXPLAIN " << query;
    std::string whole;
    for (const std::string& line : plan) whole += line + "\n";
    EXPECT_NE(whole.find("Index"), std::string::npos) << query << ": " << whole;
    EXPECT_EQ(whole.find("Sort"), std::string::npos) << query << ": " << whole;
    EXPECT_EQ(whole.find("Seq Scan"), std::string::npos) << query << ": " << whole;
  }
}

}  // namespace
}  // namespace mecapy::store
