// What makes a write survive a power cut: that it is answered only once the log is on the disk. The
// function here stands in for libc's in this program, and can be held up or fail.
#include "store/sqlite_log.h"

#include <gtest/gtest.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <cerrno>
#include <csignal>
#include <functional>
#include <future>
#include <mutex>
#include <string>

#include "base/test_await.h"
#include "base/test_folder.h"
#include "store/sqlite_connection.h"
#include "store/sqlite_lock.h"
#include "store/sqlite_writer.h"

namespace {

std::mutex hook_lock;
std::function<int()> hook;  // before a log is synced; nonzero is the error instead

void hook_syncs(std::function<int()> with) {
  const std::lock_guard lock(hook_lock);
  hook = std::move(with);
}

bool is_log(int fd) {
  char path[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = ::readlink(link.c_str(), path, sizeof path);
  return size > 0 && std::string_view(path, static_cast<std::size_t>(size)).ends_with("-wal");
}

}  // namespace

extern "C" int fdatasync(int fd) {
  std::function<int()> before;
  if (is_log(fd)) {
    const std::lock_guard lock(hook_lock);
    before = hook;
  }
  if (const int error = before ? before() : 0; error != 0) {
    errno = error;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

namespace mecapy::store {
namespace {

using base::await;

constexpr Sql kCreate = "CREATE TABLE t (n INTEGER PRIMARY KEY)";
constexpr Sql kInsert = "INSERT INTO t (n) VALUES (:n)";
constexpr Sql kCount = "SELECT COUNT(*) FROM t";

class SqliteLogTest : public testing::Test {
 protected:
  SqliteLogTest() {
    make_sqlite_file(path_).value();
    auto connection = connect_sqlite(path_, SqliteUse::write).value();
    connection->execute(kCreate);
    writer_ = std::make_unique<SqliteWriter>(std::move(connection), SqliteLog(path_),
                                             std::make_shared<base::SystemClock>());
  }
  ~SqliteLogTest() override { hook_syncs({}); }

  asio::awaitable<Result<int>> insert(int n, Durability durability, Committed committed = {}) {
    const auto work = [n](Connection& c) -> Result<int> {
      c.execute(kInsert, soci::use(n, "n"));
      return n;
    };
    return call(work, durability, std::move(committed));
  }
  template <class Work>
  asio::awaitable<Result<int>> call(Work work, Durability durability, Committed committed = {}) {
    return await_request<int>(
        std::move(work),
        [this, durability](std::unique_ptr<Request> request) {
          writer_->submit(std::move(request), durability);
        },
        std::move(committed));
  }
  // As another connection sees it.
  int count() const {
    int n = 0;
    connect_sqlite(path_, SqliteUse::read).value()->one_row(kCount, soci::into(n));
    return n;
  }
  // The log is synced `syncs_` times from now on.
  void count_syncs() {
    hook_syncs([this] {
      ++syncs_;
      return 0;
    });
  }

  base::TestFolder folder_;
  std::string path_ = folder_.path("db");
  std::unique_ptr<SqliteWriter> writer_;
  std::atomic<int> syncs_ = 0;
};

TEST_F(SqliteLogTest, WhatMustSurviveAPowerCut_IsSyncedBeforeItIsAnswered) {
  count_syncs();
  EXPECT_TRUE(await(insert(1, Durability::power_loss)));
  EXPECT_EQ(syncs_, 1);
  EXPECT_TRUE(await(insert(2, Durability::power_loss)));
  EXPECT_EQ(syncs_, 2);
}

TEST_F(SqliteLogTest, WhatNeedNot_IsNotSynced) {
  count_syncs();
  EXPECT_TRUE(await(insert(1, Durability::database_death)));
  EXPECT_TRUE(await(insert(2, Durability::process_death)));
  EXPECT_EQ(syncs_, 0);
}

TEST_F(SqliteLogTest, WhileItIsSynced_OthersReadItAndOnlyItsAnswerWaits) {
  asio::io_context loop;
  std::promise<void> all_wait, seen;
  std::optional<Result<int>> relaxed, durable;
  int rows = -1;
  bool early = false;
  hook_syncs([&] {  // until others have read, or ten seconds: then the test fails
    early = seen.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready;
    return 0;
  });
  const auto committed = [&] {
    rows = count();
    EXPECT_TRUE(relaxed && *relaxed);
    EXPECT_FALSE(durable);
    seen.set_value();
  };
  const auto hold = [waits = all_wait.get_future().share()](Connection&) -> Result<int> {
    waits.wait();
    return 0;
  };
  std::optional<Result<int>> holder;
  asio::co_spawn(loop, base::keep(call(hold, Durability::process_death), holder), base::rethrow);
  asio::co_spawn(loop, base::keep(insert(1, Durability::process_death), relaxed), base::rethrow);
  asio::co_spawn(loop, base::keep(insert(2, Durability::power_loss, committed), durable),
                 base::rethrow);
  loop.poll();  // all have reached the writer
  all_wait.set_value();
  loop.run();
  EXPECT_TRUE(early);
  EXPECT_EQ(rows, 2);
  EXPECT_TRUE(durable && *durable);
}

TEST_F(SqliteLogTest, WhatFailed_IsNotToldAsCommitted) {
  ASSERT_TRUE(await(insert(1, Durability::power_loss)));
  bool told = false;
  EXPECT_FALSE(await(insert(1, Durability::power_loss, [&] { told = true; })));
  EXPECT_FALSE(told);
}

using SqliteLogDeathTest = SqliteLogTest;

TEST_F(SqliteLogDeathTest, ALogThatDoesNotReachTheDisk_EndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        hook_syncs([] { return EIO; });
        (void)await(insert(1, Durability::power_loss));
      },
      testing::KilledBySignal(SIGABRT), "");
}

}  // namespace
}  // namespace mecapy::store
