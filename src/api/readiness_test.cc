#include "api/readiness.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <stdexcept>

namespace mecapy::api {
namespace {

namespace asio = boost::asio;
using Status = Readiness::Status;
using Findings = std::vector<Readiness::Finding>;

// A part that answers when the test says so.
class Answerer {
 public:
  explicit Answerer(asio::io_context& io) : held_(io, asio::steady_timer::time_point::max()) {}
  awaitable<Result<std::string>> ask() {
    ++asked;
    boost::system::error_code ec;
    if (hangs) co_await held_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    co_return answer;
  }
  void release() {
    hangs = false;
    held_.cancel();
  }
  int asked = 0;
  bool hangs = false;
  Result<std::string> answer{std::string()};

 private:
  asio::steady_timer held_;
};

class ReadinessTest : public testing::Test {
 protected:
  Readiness::Part part(std::string_view name, Status without, Answerer& answerer) {
    return {name, without, [&answerer](base::Deadline) { return answerer.ask(); }};
  }
  // Looks once more; `out` has the findings when the look is over.
  void begin(std::optional<Findings>& out) {
    asio::co_spawn(
        io_, [&]() -> awaitable<void> { out = co_await readiness_.look(); }, asio::detached);
    io_.restart();
    io_.poll();
  }
  Findings look() {
    std::optional<Findings> out;
    begin(out);
    while (!out && io_.run_one() > 0) {
    }
    return std::move(*out);
  }

  asio::io_context io_{1};
  Answerer database_{io_};
  Answerer queue_{io_};
  Readiness with(Readiness::Pace pace) {
    return Readiness(
        {part("database", Status::unavailable, database_), part("queue", Status::degraded, queue_)},
        pace);
  }
  // Nothing is asked twice within a test.
  Readiness readiness_ = with({std::chrono::hours(1), std::chrono::hours(1)});
};

TEST_F(ReadinessTest, AFaultOfTheSetUpOfAPartThatWorksOn_IsDegraded) {
  database_.answer = fail(ErrorCode::conflict, "it allows less");
  const Findings findings = look();
  EXPECT_EQ(findings[0].status, Status::degraded);
  EXPECT_EQ(findings[0].why, "it allows less");
}

TEST_F(ReadinessTest, NamesEachPartWithItsStatusAndWhy) {
  queue_.answer = fail(ErrorCode::unavailable, "Redis is away");
  const Findings findings = look();
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].part, "database");
  EXPECT_EQ(findings[0].status, Status::ok);
  EXPECT_EQ(findings[0].why, "");
  EXPECT_EQ(findings[1].part, "queue");
  EXPECT_EQ(findings[1].status, Status::degraded);
  EXPECT_EQ(findings[1].why, "Redis is away");
}

TEST_F(ReadinessTest, APartThatNobodyKnowsOf_IsNeitherOkNorAway) {
  database_.answer = "nobody has called it yet";
  const Findings findings = look();
  EXPECT_EQ(name(findings[0].status), "unknown");
  EXPECT_EQ(findings[0].why, "nobody has called it yet");
  EXPECT_LT(findings[0].status, Status::degraded);
}

TEST_F(ReadinessTest, AnAnswerIsRememberedForAWhile) {
  for (int i = 0; i < 100; ++i) look();
  EXPECT_EQ(database_.asked, 1);
  readiness_ = with({std::chrono::milliseconds(0), std::chrono::hours(1)});
  for (int i = 0; i < 100; ++i) look();
  EXPECT_EQ(database_.asked, 101);
}

TEST_F(ReadinessTest, ThoseWhoLookAtOnceShareOneQuestion) {
  database_.hangs = true;
  std::optional<Findings> one, two;
  begin(one);
  begin(two);
  EXPECT_EQ(database_.asked, 1);
  EXPECT_FALSE(one || two);
  database_.release();
  io_.restart();
  io_.poll();
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->at(0).status, Status::ok);
}

TEST_F(ReadinessTest, APartThatHangsHidesNoOtherAndIsNotAskedTwice) {
  database_.hangs = true;
  queue_.answer = fail(ErrorCode::unavailable, "Redis is away");
  readiness_ = with({std::chrono::hours(1), std::chrono::milliseconds(50)});
  const Findings findings = look();
  EXPECT_EQ(findings[0].status, Status::unavailable);
  EXPECT_EQ(findings[0].why, "no answer in time");
  EXPECT_EQ(findings[1].why, "Redis is away");
  std::optional<Findings> next;
  begin(next);
  ASSERT_TRUE(next);  // at once
  EXPECT_EQ(next->at(0).status, Status::unavailable);
  EXPECT_EQ(database_.asked, 1);
  database_.release();
  io_.restart();
  io_.poll();
  EXPECT_EQ(look()[0].status, Status::ok);
  EXPECT_EQ(database_.asked, 1);
}

TEST_F(ReadinessTest, APartThatThrowsIsAway) {
  Readiness readiness(
      {{"worker", Status::unavailable, [](base::Deadline) -> awaitable<Result<std::string>> {
          throw std::runtime_error("a defect");
          co_return "";
        }}});
  std::optional<Findings> out;
  asio::co_spawn(
      io_, [&]() -> awaitable<void> { out = co_await readiness.look(); }, asio::detached);
  io_.run();
  ASSERT_TRUE(out);
  EXPECT_EQ(out->at(0).status, Status::unavailable);
}

}  // namespace
}  // namespace mecapy::api
