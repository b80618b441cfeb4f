#include "store/sqlite_writer.h"

#include <gtest/gtest.h>

#include <future>

#include "base/test_await.h"
#include "base/test_folder.h"
#include "store/sqlite_connection.h"
#include "store/sqlite_lock.h"

namespace mecapy::store {
using base::await;
using base::await_all;
using base::TestFolder;
namespace {

constexpr Sql kCreate = "CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT)";
constexpr Sql kInsert = "INSERT INTO t (n, text) VALUES (:n, :text)";
constexpr Sql kCount = "SELECT COUNT(*) FROM t";
constexpr Sql kFewPages = "PRAGMA max_page_count = 20";
constexpr Sql kNoSuchTable = "INSERT INTO nowhere VALUES (1)";

// A writer on a database with the table t (n, text), and calls of it.
class SqliteWriterTest : public testing::Test {
 protected:
  SqliteWriterTest() {
    make_sqlite_file(folder_.path("db")).value();
    auto connection = connect_sqlite(folder_.path("db"), SqliteUse::write).value();
    connection->execute(kCreate);
    write_log_back(*connection).value();
    log_ = SqliteLog::open(folder_.path("db")).value();
    writer_ = std::make_unique<SqliteWriter>(std::move(connection), *log_,
                                             std::make_shared<base::SystemClock>());
  }

  template <class T, class Work>
  asio::awaitable<Result<T>> call(Work work, Durability durability = Durability::power_loss) {
    return await_request<T>(std::move(work), [this, durability](std::unique_ptr<Request> request) {
      writer_->submit(std::move(request), durability);
    });
  }

  asio::awaitable<Result<int>> insert(int n, std::string text = "") {
    return call<int>([n, text = std::move(text)](Connection& c) -> Result<int> {
      c.execute(kInsert, soci::use(n, "n"), soci::use(text, "text"));
      return n;
    });
  }

  // The answers of calls that wait together while the writer is held in a request of its own.
  std::vector<Result<int>> as_one_batch(std::vector<asio::awaitable<Result<int>>> calls) {
    std::promise<void> held, all_wait;
    const auto hold = [&held, waited = all_wait.get_future().share()](Connection&) -> Result<int> {
      held.set_value();
      waited.wait();
      return 0;
    };
    asio::io_context loop;
    std::optional<Result<int>> holder;
    std::vector<std::optional<Result<int>>> kept(calls.size());
    asio::co_spawn(loop, keep(call<int>(hold), holder), base::rethrow);
    loop.poll();
    held.get_future().wait();
    for (std::size_t i = 0; i < calls.size(); ++i) {
      asio::co_spawn(loop, keep(std::move(calls[i]), kept[i]), base::rethrow);
    }
    loop.poll();  // every call has reached the writer
    all_wait.set_value();
    loop.run();
    std::vector<Result<int>> answers;
    for (auto& answer : kept) answers.push_back(std::move(*answer));
    return answers;
  }

  int count() {
    const auto work = [](Connection& c) -> Result<int> {
      int n = 0;
      c.one_row(kCount, soci::into(n));
      return n;
    };
    return await(call<int>(work)).value();
  }

  TestFolder folder_;
  std::unique_ptr<SqliteLog> log_;
  std::unique_ptr<SqliteWriter> writer_;
};

TEST_F(SqliteWriterTest, WaitingWrites_ShareOneCommit) {
  std::vector<asio::awaitable<Result<int>>> calls;
  for (int i = 0; i < 64; ++i) calls.push_back(insert(i));
  for (const auto& answer : as_one_batch(std::move(calls))) EXPECT_TRUE(answer);
  EXPECT_EQ(writer_->commits(), 2);  // that of the request which held the writer, and one for all
  EXPECT_EQ(count(), 64);
}

TEST_F(SqliteWriterTest, ConcurrentWrites_NeedFarFewerCommits) {
  std::vector<asio::awaitable<Result<int>>> calls;
  for (int i = 0; i < 64; ++i) calls.push_back(insert(i));
  for (const auto& answer : await_all(std::move(calls))) EXPECT_TRUE(answer);
  EXPECT_LT(writer_->commits(), 16);
}

TEST_F(SqliteWriterTest, FailedRequest_IsRolledBackAlone) {
  std::vector<asio::awaitable<Result<int>>> calls;
  calls.push_back(insert(1));
  calls.push_back(call<int>([](Connection& c) -> Result<int> {
    const int n = 2;
    const std::string text;
    c.execute(kInsert, soci::use(n, "n"), soci::use(text, "text"));
    return fail(ErrorCode::not_found, "changed its mind");
  }));
  calls.push_back(insert(1));  // a duplicate
  calls.push_back(insert(3));
  const auto answers = await_all(std::move(calls));
  EXPECT_TRUE(answers[0]);
  EXPECT_EQ(answers[1].error().code, ErrorCode::not_found);
  EXPECT_EQ(answers[2].error().code, ErrorCode::conflict);
  EXPECT_TRUE(answers[3]);
  EXPECT_EQ(count(), 2);
}

TEST_F(SqliteWriterTest, FullDatabase_FailsTheBatchAndTheWriterGoesOn) {
  ASSERT_TRUE(await(call<int>([](Connection& c) -> Result<int> {
    int pages = 0;
    c.one_row(kFewPages, soci::into(pages));
    return 0;
  })));
  const auto answer = await(insert(1, std::string(1'000'000, 'x')));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::storage);
  EXPECT_EQ(answer.error().message.find("xxx"), std::string::npos);
  EXPECT_TRUE(await(insert(2)));
  EXPECT_EQ(count(), 1);
}

TEST_F(SqliteWriterTest, TransactionLostMidBatch_FailsEachOfTheBatch) {
  std::vector<asio::awaitable<Result<int>>> calls;
  calls.push_back(insert(1));
  calls.push_back(call<int>([](Connection& c) -> Result<int> {
    c.execute("ROLLBACK");  // as SQLite does after an I/O error
    return 0;
  }));
  calls.push_back(insert(2));
  for (const auto& answer : as_one_batch(std::move(calls))) {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::storage);
  }
  EXPECT_EQ(count(), 0);
}

TEST_F(SqliteWriterTest, WrongStatement_IsStorageWithoutItsText) {
  const auto answer = await(call<int>([](Connection& c) -> Result<int> {
    c.execute(kNoSuchTable);
    return 0;
  }));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::storage);
  EXPECT_EQ(answer.error().message.find("nowhere"), std::string::npos);
}

TEST_F(SqliteWriterTest, End_FinishesWhatWaits) {
  asio::io_context loop;
  std::vector<std::optional<Result<int>>> answers(32);
  for (int i = 0; i < 32; ++i) {
    asio::co_spawn(loop, keep(insert(i), answers[static_cast<std::size_t>(i)]), base::rethrow);
  }
  loop.poll();
  writer_.reset();
  loop.run();
  for (const auto& answer : answers) EXPECT_TRUE(answer->has_value());
}

}  // namespace
}  // namespace mecapy::store
