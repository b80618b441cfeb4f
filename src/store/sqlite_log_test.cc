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
#include <filesystem>
#include <functional>
#include <future>
#include <mutex>
#include <string>

#include "base/test_await.h"
#include "base/test_folder.h"
#include "store/sqlite_connection.h"
#include "store/sqlite_lock.h"
#include "store/sqlite_readers.h"
#include "store/sqlite_writer.h"

namespace {

std::mutex hook_lock;
std::function<int()> hook;  // before a log is synced; nonzero is the error instead

// `with` may be called by a writer until this is called again.
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
    write_log_back(*connection).value();
    connection->execute("PRAGMA user_version = 1");  // of a new log SQLite syncs the head itself
    log_ = SqliteLog::open(path_).value();
    writer_ = std::make_unique<SqliteWriter>(std::move(connection), *log_, clock_);
    std::vector<std::unique_ptr<Connection>> readers;
    readers.push_back(connect_sqlite(path_, SqliteUse::read).value());
    readers_ = std::make_unique<SqliteReaders>(std::move(readers), *log_, clock_);
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
  asio::awaitable<Result<int>> count(Reads reads) {
    const auto work = [](Connection& c) -> Result<int> { return rows(c); };
    return await_request<int>(work, [this, reads](std::unique_ptr<Request> request) {
      readers_->submit(std::move(request), reads);
    });
  }
  static int rows(Connection& connection) {
    int n = 0;
    connection.one_row(kCount, soci::into(n));
    return n;
  }
  // Begins the call on `loop`, and keeps its answer.
  template <class T>
  static void begin(asio::io_context& loop, asio::awaitable<T> call, std::optional<T>& kept) {
    asio::co_spawn(loop, base::keep(std::move(call), kept), base::rethrow);
  }
  // The rows that there are after a power cut now, of which the log has kept so many bytes.
  int rows_after_a_cut(std::uintmax_t of_log) {
    namespace fs = std::filesystem;
    const base::TestFolder elsewhere;
    const std::string path = elsewhere.path("db");
    fs::copy_file(path_, path);
    fs::copy_file(path_ + "-wal", path + "-wal");
    fs::resize_file(path + "-wal", of_log);
    return rows(*connect_sqlite(path, SqliteUse::write).value());
  }
  std::uintmax_t log_size() const { return std::filesystem::file_size(path_ + "-wal"); }

  base::TestFolder folder_;
  std::string path_ = folder_.path("db");
  std::shared_ptr<base::SystemClock> clock_ = std::make_shared<base::SystemClock>();
  std::unique_ptr<SqliteLog> log_;
  std::unique_ptr<SqliteWriter> writer_;
  std::unique_ptr<SqliteReaders> readers_;
};

// A place at which the writer stands, on its way to the disk, until the test lets it go on: or for
// ten seconds, after which the test fails.
class Held {
 public:
  Held() {
    hook_syncs([this] {
      stands_.set_value();
      went_on_ = go_on_.get_future().wait_for(std::chrono::seconds(10));
      return 0;
    });
  }
  void wait() { stands_.get_future().wait_for(std::chrono::seconds(10)); }
  void go_on() { go_on_.set_value(); }
  ~Held() { EXPECT_EQ(went_on_, std::future_status::ready) << "somebody waited for the disk"; }

 private:
  std::promise<void> stands_, go_on_;
  std::future_status went_on_ = std::future_status::deferred;
};

TEST_F(SqliteLogTest, WhatMustSurviveAPowerCut_IsAnsweredOnceItIsSynced) {
  asio::io_context loop;
  std::optional<Result<int>> durable;
  bool told = false;
  {
    Held held;
    begin(loop, insert(1, Durability::power_loss, [&] { told = true; }), durable);
    loop.poll();
    held.wait();
    loop.restart();
    loop.poll();  // all that the writer has said so far
    EXPECT_TRUE(told);
    EXPECT_FALSE(durable);
    held.go_on();
    loop.restart();
    loop.run();
  }
  EXPECT_TRUE(durable && *durable);
}

TEST_F(SqliteLogTest, WhileItIsSynced_OnlyWhoAsksForWhatIsCommittedIsTold) {
  asio::io_context loop;
  std::optional<Result<int>> durable, as_committed, as_durable;
  Held held;
  begin(loop, insert(1, Durability::power_loss), durable);
  loop.poll();
  held.wait();
  begin(loop, count(Reads::durable), as_durable);
  begin(loop, count(Reads::committed), as_committed);  // behind it, by the one reader
  loop.restart();
  while (!as_committed) loop.run_one();
  EXPECT_EQ(**as_committed, 1);
  EXPECT_FALSE(as_durable);
  EXPECT_FALSE(durable);
  held.go_on();
  loop.run();
  EXPECT_EQ(**as_durable, 1);
  EXPECT_EQ(*await(count(Reads::durable)), 1);
}

TEST_F(SqliteLogTest, WhatNeedNotBeOnTheDisk_DoesNotWaitForWhatMust) {
  asio::io_context loop;
  std::promise<void> all_wait;
  std::optional<Result<int>> holder, relaxed, durable;
  const auto hold = [waits = all_wait.get_future().share()](Connection&) -> Result<int> {
    waits.wait();
    return 0;
  };
  Held held;
  begin(loop, call(hold, Durability::process_death), holder);
  begin(loop, insert(1, Durability::process_death), relaxed);
  begin(loop, insert(2, Durability::power_loss), durable);
  loop.poll();  // all have reached the writer; the last two share a commit
  all_wait.set_value();
  held.wait();
  while (!relaxed) loop.run_one();
  EXPECT_FALSE(durable);
  held.go_on();
  loop.run();
  EXPECT_TRUE(durable && *durable);
}

TEST_F(SqliteLogTest, WhatNeedNotBeOnTheDisk_IsNotSynced) {
  hook_syncs([] {
    ADD_FAILURE() << "the log is synced";
    return 0;
  });
  EXPECT_TRUE(await(insert(1, Durability::database_death)));
  EXPECT_TRUE(await(insert(2, Durability::process_death)));
}

TEST_F(SqliteLogTest, AfterAPowerCut_WhatWasSyncedIsThereAndWhatStandsBeforeIt) {
  ASSERT_TRUE(await(insert(1, Durability::process_death)));
  ASSERT_TRUE(await(insert(2, Durability::power_loss)));
  const std::uintmax_t synced = log_size();
  ASSERT_TRUE(await(insert(3, Durability::process_death)));
  EXPECT_EQ(rows_after_a_cut(log_size()), 3);
  EXPECT_EQ(rows_after_a_cut(log_size() - 1), 2);
  EXPECT_EQ(rows_after_a_cut(synced), 2);
}

TEST_F(SqliteLogTest, WhatFailed_IsNotToldAsCommitted_NorWaitedFor) {
  ASSERT_TRUE(await(insert(1, Durability::power_loss)));
  bool told = false;
  EXPECT_FALSE(await(insert(1, Durability::power_loss, [&] { told = true; })));
  EXPECT_FALSE(told);
  EXPECT_EQ(*await(count(Reads::durable)), 1);
}

// The kernel takes it for written, and would not try again.
TEST_F(SqliteLogTest, WhatAnEarlierProcessLeftInTheLog_IsInTheDatabaseAfterTheStart) {
  ASSERT_TRUE(await(insert(1, Durability::power_loss)));
  const base::TestFolder elsewhere;
  const std::string path = elsewhere.path("db");
  std::filesystem::copy_file(path_, path);
  std::filesystem::copy_file(path_ + "-wal", path + "-wal");
  const auto connection = connect_sqlite(path, SqliteUse::write).value();
  ASSERT_TRUE(write_log_back(*connection));
  EXPECT_EQ(std::filesystem::file_size(path + "-wal"), 0U);
  EXPECT_EQ(rows(*connection), 1);
}

TEST(SqliteLog, OfADatabaseThatIsALink_IsBesideTheFileItself) {
  const base::TestFolder folder, elsewhere;
  make_sqlite_file(elsewhere.path("real")).value();
  std::filesystem::create_symlink(elsewhere.path("real"), folder.path("db"));
  const auto connection = connect_sqlite(folder.path("db"), SqliteUse::write).value();
  connection->execute(kCreate);
  const auto log = SqliteLog::open(folder.path("db"));
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_FALSE(SqliteLog::open(folder.path("nowhere")));
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

TEST_F(SqliteLogTest, ASyncThatIsInterrupted_IsDoneAgain) {
  int asked = 0;
  hook_syncs([&] { return ++asked == 1 ? EINTR : 0; });
  EXPECT_TRUE(await(insert(1, Durability::power_loss)));
  EXPECT_EQ(asked, 2);
}

}  // namespace
}  // namespace mecapy::store
