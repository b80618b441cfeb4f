// What SQLite's store promises beside the contract: its file, its migrations, its one owner, and
// that kill -9 loses nothing.
#include <gtest/gtest.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>

#include "base/fd.h"
#include "base/test_folder.h"
#include "store/cost_contract.h"
#include "store/migrations.h"
#include "store/workflow_contract.h"

namespace mecapy::store {
using base::TestFolder;
namespace {

std::shared_ptr<base::ManualClock> clock_at_zero() {
  return std::make_shared<base::ManualClock>(base::TimePoint());
}

std::unique_ptr<Store> open_ok(const std::string& path) {
  return open_sqlite(path, clock_at_zero()).value();
}

model::Task task_named(const std::string& name) {
  model::Task task;
  task.id = model::TaskId::make();
  task.user = "ann";
  task.name = name;
  return task;
}

model::Run run_of(const model::Task& task) {
  model::Run run;
  run.id = model::RunId::make();
  run.task_id = task.id;
  run.user = task.user;
  return run;
}

// A database in a folder that is removed with it.
struct OwnedStore {
  TestFolder folder;
  std::unique_ptr<Store> store;
};

StoreUnderTest make_owned() {
  auto owned = std::make_shared<OwnedStore>();
  const auto clock = std::make_shared<base::ManualClock>(base::TimePoint());
  const auto open = [owned = owned.get(), clock] {
    owned->store = open_sqlite(owned->folder.path("db"), clock, {}, test_costs()).value();
  };
  open();
  const auto reopen = [owned, open](const std::vector<std::string>& statements) {
    owned->store.reset();
    {
      soci::session session(soci::sqlite3, "db=\"" + owned->folder.path("db") + "\"");
      for (const std::string& statement : statements) session << statement;
    }
    open();
    return std::shared_ptr<Store>(owned, owned->store.get());
  };
  return {{owned, owned->store.get()},
          [clock](base::TimePoint t) { clock->advance(t - clock->now()); },
          reopen};
}

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract,
                         testing::Values(StoreFactory{"sqlite", make_owned}));
INSTANTIATE_TEST_SUITE_P(Sqlite, MachineContract,
                         testing::Values(StoreFactory{"sqlite", make_owned}));
INSTANTIATE_TEST_SUITE_P(Sqlite, WorkflowContract,
                         testing::Values(StoreFactory{"sqlite", make_owned}));
INSTANTIATE_TEST_SUITE_P(Sqlite, CostContract, testing::Values(StoreFactory{"sqlite", make_owned}));
INSTANTIATE_TEST_SUITE_P(Sqlite, BudgetContract,
                         testing::Values(StoreFactory{"sqlite", make_owned}));

TEST(Sqlite, WhatWasWritten_IsThereAfterReopening) {
  const TestFolder folder;
  const model::Task task = task_named("beam");
  {
    const auto store = open_ok(folder.path("db"));
    ASSERT_TRUE(await(store->create_task(task, std::nullopt)));
  }
  const auto store = open_ok(folder.path("db"));
  EXPECT_EQ(await(store->get_task("ann", task.id, std::nullopt))->name, "beam");
}

TEST(Sqlite, NewDatabase_IsReadableByItsOwnerOnly) {
  const TestFolder folder;
  const auto store = open_ok(folder.path("db"));
  ASSERT_TRUE(await(store->create_task(task_named("beam"), std::nullopt)));
  for (const char* name : {"db", "db-wal", "db-shm", "db.lock"}) {
    struct stat info {};
    ASSERT_EQ(::stat(folder.path(name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777, 0600U) << name;
  }
}

TEST(Sqlite, PathWithSpacesAndSigns_IsOpened) {
  const TestFolder folder;
  const auto store = open_ok(folder.path("my data=1 é.db"));
  EXPECT_TRUE(await(store->ping()));
  EXPECT_EQ(::access(folder.path("my data=1 é.db").c_str(), F_OK), 0);
}

TEST(Sqlite, SecondOwner_IsConflictUntilTheFirstIsGone) {
  const TestFolder folder;
  {
    const auto first = open_ok(folder.path("db"));
    const auto second = open_sqlite(folder.path("db"), clock_at_zero());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::conflict);
    EXPECT_NE(second.error().message.find("in use by another mecapy serve"), std::string::npos);
    EXPECT_TRUE(await(first->ping()));
  }
  EXPECT_TRUE(await(open_ok(folder.path("db"))->ping()));
}

TEST(Sqlite, FolderThatIsNotThere_IsStorage) {
  const TestFolder folder;
  EXPECT_EQ(open_sqlite(folder.path("no/db"), clock_at_zero()).error().code, ErrorCode::storage);
}

TEST(Sqlite, FileThatIsNoDatabase_IsStorageAndKept) {
  const TestFolder folder;
  const std::string text =
      "this is a letter, and certainly not a database of SQLite " + std::string(200, '.');
  std::ofstream(folder.path("db")) << text;
  EXPECT_EQ(open_sqlite(folder.path("db"), clock_at_zero()).error().code, ErrorCode::storage);
  std::ifstream file(folder.path("db"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), text);
}

TEST(Sqlite, Migrations_AreRecordedOnceAndInOrder) {
  const TestFolder folder;
  { open_ok(folder.path("db")); }
  { open_ok(folder.path("db")); }
  soci::session session(soci::sqlite3, "db=\"" + folder.path("db") + "\"");
  int count = 0, newest = 0;
  session << "SELECT COUNT(*), MAX(number) FROM schema_migrations", soci::into(count),
      soci::into(newest);
  EXPECT_EQ(count, newest_schema());
  EXPECT_EQ(newest, newest_schema());
}

TEST(Sqlite, NewerDatabase_IsRefusedAndLeftAlone) {
  const TestFolder folder;
  { open_ok(folder.path("db")); }
  {
    soci::session session(soci::sqlite3, "db=\"" + folder.path("db") + "\"");
    session << "INSERT INTO schema_migrations VALUES (99, 'of the future', 0)";
  }
  const auto store = open_sqlite(folder.path("db"), clock_at_zero());
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::storage);
  EXPECT_NE(store.error().message.find("schema 99"), std::string::npos);
  EXPECT_NE(store.error().message.find("newer"), std::string::npos);
}

TEST(Sqlite, ARunThatAnotherReadsFrom_CannotBeRemoved) {
  const TestFolder folder;
  const auto store = open_ok(folder.path("db"));
  const auto [origin, answered] = answer_one(*store);
  soci::session session(soci::sqlite3, "db=\"" + folder.path("db") + "\"");
  session << "PRAGMA foreign_keys = ON";
  session << "DELETE FROM artifacts";
  EXPECT_THROW(session << "DELETE FROM runs WHERE id = '" + origin.str() + "'", soci::soci_error);
  session << "DELETE FROM runs WHERE id = '" + answered.str() + "'";
  session << "DELETE FROM runs WHERE id = '" + origin.str() + "'";
}

// As a shell may, where foreign keys are off.
TEST(Sqlite, ARunWhosePayloadsSomebodyRemoved_IsAFailureOfStorageAndOnlyToItsUser) {
  const TestFolder folder;
  const auto store = open_ok(folder.path("db"));
  const auto [origin, answered] = answer_one(*store);
  soci::session session(soci::sqlite3, "db=\"" + folder.path("db") + "\"");
  session << "PRAGMA foreign_keys = OFF";
  session << "DELETE FROM runs WHERE id = '" + origin.str() + "'";
  EXPECT_EQ(await(store->get_run("ann", answered)).error().code, ErrorCode::storage);
  EXPECT_EQ(await(store->get_run("eve", answered)).error().code, ErrorCode::not_found);
}

// The plan of each statement on the path of a run must use an index: see migration 1.
TEST(Sqlite, HotQueries_NeverScanTheTableOfRuns) {
  const TestFolder folder;
  { open_ok(folder.path("db")); }
  soci::session session(soci::sqlite3, "db=\"" + folder.path("db") + "\"");
  const char* queries[] = {
      "SELECT * FROM runs WHERE id = 'a'",
      "SELECT * FROM runs WHERE owner = 'a' AND id < 'b' ORDER BY id DESC LIMIT 51",
      "SELECT * FROM runs WHERE owner = 'a' AND status = 's' AND id < 'b' ORDER BY id DESC LIMIT 5",
      "SELECT * FROM runs WHERE owner = 'a' AND task_id = 't' AND id < 'b'"
      " ORDER BY id DESC LIMIT 51",
      "SELECT * FROM runs WHERE owner = 'a' AND task_id = 't' AND status = 's' AND id < 'b'"
      " ORDER BY id DESC LIMIT 51",
      "SELECT * FROM runs WHERE task_id = 't' ORDER BY id DESC LIMIT 1",
      "SELECT id, attempt FROM runs WHERE status = 'running' AND lease_until <= 1"
      " ORDER BY lease_until LIMIT 9",
      "SELECT id, not_before FROM runs WHERE status = 'queued' AND id > 'a' ORDER BY id LIMIT 9",
      "SELECT 1 FROM runs WHERE payloads_of = 'a'",
  };
  for (const char* query : queries) {
    int id = 0, parent = 0, unused = 0;
    std::string detail;
    session << "EXPLAIN QUERY PLAN " << query, soci::into(id), soci::into(parent),
        soci::into(unused), soci::into(detail);
    EXPECT_EQ(detail.find("SEARCH runs USING"), 0U) << query << ": " << detail;
    EXPECT_EQ(detail.find("TEMP B-TREE"), std::string::npos) << query << ": " << detail;
  }
}

// Submits runs to `path` for ever, and writes each id to `out` after the store accepted it.
[[noreturn]] void submit_until_killed(const std::string& path, int out) {
  const auto store = open_ok(path);
  const model::Task task = task_named("beam");
  if (!await(store->create_task(task, std::nullopt))) _exit(1);
  while (true) {
    std::vector<awaitable<Result<Created<model::Run>>>> calls;
    for (int i = 0; i < 4; ++i) calls.push_back(store->submit_run(run_of(task), std::nullopt));
    for (const auto& made : await_all(std::move(calls))) {
      if (!made) _exit(1);
      const std::string& id = made->value.id.str();
      if (::write(out, id.data(), id.size()) < 0) _exit(1);
    }
  }
}

// All of the ids that arrive on `in`; the child is killed once `enough` bytes are there.
std::string read_and_kill(int in, pid_t child, std::size_t enough) {
  std::string text;
  char buffer[4096];
  bool killed = false;
  while (true) {
    const ssize_t got = ::read(in, buffer, sizeof buffer);
    if (got <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
    if (killed || text.size() < enough) continue;
    ::kill(child, SIGKILL);
    killed = true;
  }
}

TEST(Sqlite, KilledMidWriting_EveryAcceptedRunIsThere) {
  constexpr std::size_t kIdBytes = 36;
  const TestFolder folder;
  for (int round = 1; round <= 3; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, 0), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      submit_until_killed(folder.path("db"), ends[1]);
    }
    ::close(ends[1]);
    const base::Fd in(ends[0]);
    const std::string ids = read_and_kill(in.get(), child, kIdBytes * 50);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed by itself";
    ASSERT_GE(ids.size(), kIdBytes * 50);

    const auto store = open_ok(folder.path("db"));
    for (std::size_t at = 0; at + kIdBytes <= ids.size(); at += kIdBytes) {
      const auto id = model::RunId::parse(ids.substr(at, kIdBytes));
      ASSERT_TRUE(id);
      EXPECT_TRUE(await(store->get_run("ann", *id))) << "lost " << id->str();
    }
  }
}

}  // namespace
}  // namespace mecapy::store
