#include "retry/retry.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <tuple>
#include <vector>

#include "base/test_await.h"
#include "base/test_folder.h"
#include "store/test_run.h"

namespace mecapy::retry {
namespace {

using base::await;
using model::OutcomeCode;
using model::RunStatus;
using std::chrono::seconds;

model::RunEnd fault() {
  return model::failed_end(OutcomeCode::worker_lost, "its machine was ended");
}

class RetryTest : public testing::Test {
 protected:
  RetryTest() {
    store_ = std::move(store::open_sqlite(folder_.path("db"), clock_)).value();
    retry_ = std::make_unique<Retry>(*store_, feed_, policy_);
  }

  model::RunId accept() {
    auto [task, run] = store::test_run();
    const model::RunId id = run.id;
    EXPECT_TRUE(await(store_->submit_ad_hoc(task, run, std::nullopt)));
    return id;
  }
  // Its next attempt.
  store::Lease claim(const model::RunId& id) {
    clock_->advance(seconds(1));  // over its pause
    auto job = await(store_->claim(id, "me", seconds(30))).value();
    EXPECT_TRUE(job);
    return {id, job ? job->attempt : 0};
  }
  model::Run run_of(const model::RunId& id) { return await(store_->get_run("u", id)).value(); }
  Became settle(const store::Lease& lease, model::RunEnd end) {
    return await(retry_->settle(lease, std::move(end))).value();
  }

  base::TestFolder folder_;
  std::shared_ptr<base::ManualClock> clock_ =
      std::make_shared<base::ManualClock>(base::SystemClock().now());
  boost::asio::io_context io_{1};
  std::unique_ptr<store::Store> store_;
  feed::Feed feed_{io_.get_executor()};
  Policy policy_{.max_attempts = 3, .backoff = milliseconds(100), .backoff_max = milliseconds(150)};
  std::unique_ptr<Retry> retry_;
};

TEST_F(RetryTest, APlatformFault_IsTriedAgain_UntilTheLastAttemptIsItsEnd) {
  const model::RunId id = accept();
  const auto channel = feed_.open(id);
  for (int attempt = 1; attempt < 3; ++attempt) {
    EXPECT_EQ(settle(claim(id), fault()), Became::waits);
    const model::Run waits = run_of(id);
    EXPECT_EQ(waits.status, RunStatus::queued);
    EXPECT_EQ(waits.attempt, attempt);
    EXPECT_EQ(waits.end.failure->message, "its machine was ended");
    EXPECT_EQ(channel->state().status, RunStatus::queued);
    // Not before its pause is over.
    EXPECT_FALSE(await(store_->claim(id, "me", seconds(30))).value());
  }
  EXPECT_EQ(settle(claim(id), fault()), Became::ended);
  EXPECT_EQ(run_of(id).status, RunStatus::failed);
  EXPECT_EQ(run_of(id).end.failure->code, OutcomeCode::worker_lost);
  EXPECT_EQ(channel->state().status, RunStatus::failed);
}

TEST_F(RetryTest, WhatIsNotThePlatformsFault_IsTheEndAtOnce) {
  for (const OutcomeCode code : {OutcomeCode::user_error, OutcomeCode::out_of_memory}) {
    const model::RunId id = accept();
    EXPECT_EQ(settle(claim(id), model::failed_end(code, "")), Became::ended);
    EXPECT_EQ(run_of(id).end.failure->code, code);
  }
}

TEST_F(RetryTest, ACancelThatWasAskedFor_ComesFirst) {
  for (const OutcomeCode code : {OutcomeCode::worker_lost, OutcomeCode::timeout}) {
    const model::RunId id = accept();
    const store::Lease lease = claim(id);
    EXPECT_TRUE(await(store_->request_cancel("u", id)));
    EXPECT_EQ(settle(lease, model::failed_end(code, "")), Became::cancelled);
    EXPECT_EQ(run_of(id).status, RunStatus::cancelled);
  }
}

TEST_F(RetryTest, OfAnAttemptThatIsNotCurrent_NothingIsWritten) {
  const model::RunId id = accept();
  const store::Lease first = claim(id);
  EXPECT_EQ(settle(first, fault()), Became::waits);
  const store::Lease second = claim(id);
  const auto channel = feed_.open(id);
  channel->set_status(RunStatus::running, second.attempt);
  EXPECT_EQ(settle(first, fault()), Became::lost);
  EXPECT_EQ(await(retry_->give_up(first, fault())).value(), Became::lost);
  EXPECT_EQ(run_of(id).status, RunStatus::running);
  EXPECT_EQ(channel->state().status, RunStatus::running);
}

TEST_F(RetryTest, PausesGrow_AndAreBounded) {
  for (const auto& [attempt, least, most] :
       std::vector<std::tuple<int, int, int>>{{1, 50, 100}, {2, 75, 150}, {9, 75, 150}}) {
    const auto pause = retry_->pause_after(attempt);
    EXPECT_GE(pause, milliseconds(least));
    EXPECT_LE(pause, milliseconds(most));
  }
}

}  // namespace
}  // namespace mecapy::retry
