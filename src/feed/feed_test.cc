// What a channel takes of what another process tells: pieces may come twice, late, not at all, or
// from somebody who makes them up.
#include "feed/feed.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

namespace mecapy::feed {
namespace {

using model::RunStatus;

class HeardChannel : public testing::Test {
 protected:
  HeardChannel() { channel_.hear_status(RunStatus::running, 2); }

  boost::asio::io_context loop_;
  Channel channel_{loop_.get_executor(), model::RunId::make(), nullptr};
};

TEST_F(HeardChannel, LogThatIsPartlyKnown_IsAddedOnce) {
  EXPECT_TRUE(channel_.hear_log(2, 0, "abc"));
  EXPECT_TRUE(channel_.hear_log(2, 0, "abc"));
  EXPECT_TRUE(channel_.hear_log(2, 1, "b"));
  EXPECT_TRUE(channel_.hear_log(2, 1, "bcde"));
  EXPECT_TRUE(channel_.hear_log(2, 5, "f"));
  EXPECT_EQ(channel_.state().log, "abcdef");
}

TEST_F(HeardChannel, LogBehindAGap_IsNotTakenAndTold) {
  EXPECT_TRUE(channel_.hear_log(2, 0, "abc"));
  const std::uint64_t version = channel_.state().version;
  EXPECT_FALSE(channel_.hear_log(2, 4, "e"));
  EXPECT_EQ(channel_.state().log, "abc");
  EXPECT_EQ(channel_.state().version, version);
}

TEST_F(HeardChannel, AnotherAttemptsLogAndProgress_AreNotTaken) {
  for (const int attempt : {1, 3}) {
    EXPECT_TRUE(channel_.hear_log(attempt, 0, "other"));
    channel_.hear_progress(attempt, "{}");
  }
  EXPECT_EQ(channel_.state().log, "");
  EXPECT_EQ(channel_.state().progress, "");
}

TEST_F(HeardChannel, StatusOfAnEarlierAttemptOrBehindTheEnd_ChangesNothing) {
  channel_.hear_status(RunStatus::completed, 1);
  EXPECT_EQ(channel_.state().status, RunStatus::running);
  channel_.hear_status(RunStatus::failed, 2);
  const std::uint64_t version = channel_.state().version;
  for (const RunStatus status : {RunStatus::running, RunStatus::completed, RunStatus::failed}) {
    channel_.hear_status(status, 2);
  }
  EXPECT_EQ(channel_.state().status, RunStatus::failed);
  EXPECT_EQ(channel_.state().version, version);
}

// The channel of a run whose attempt 1 is at work in this process.
class OwnChannel : public testing::Test {
 protected:
  OwnChannel() { channel_.set_status(RunStatus::running, 1); }

  boost::asio::io_context loop_;
  Channel channel_{loop_.get_executor(), model::RunId::make(), nullptr};
};

TEST_F(OwnChannel, WhatOthersSayOfTheAttempt_IsNotTaken) {
  channel_.add_log(1, "own");
  channel_.set_progress(1, "{}");
  const std::uint64_t version = channel_.state().version;
  EXPECT_TRUE(channel_.hear_log(1, 0, "forged and longer"));
  EXPECT_TRUE(channel_.hear_log(1, 3, "forged"));
  EXPECT_TRUE(channel_.hear_log(1, 99, "behind a gap"));  // which is asked of nobody
  channel_.hear_log_size(1, 1'000'000);
  channel_.hear_progress(1, "{\"fraction\":1}");
  for (const RunStatus status : {RunStatus::queued, RunStatus::running, RunStatus::failed}) {
    channel_.hear_status(status, 1);
  }
  EXPECT_EQ(channel_.state().version, version);
  EXPECT_EQ(channel_.state().log, "own");
  EXPECT_EQ(channel_.state().progress, "{}");
  EXPECT_EQ(channel_.state().status, RunStatus::running);
  EXPECT_TRUE(channel_.state().here);
}

TEST_F(OwnChannel, LogOfAnAttemptThatWasTaken_IsNotTheNextOnes) {
  channel_.add_log(1, "first");
  channel_.hear_status(RunStatus::running, 2);
  channel_.add_log(1, "x");
  channel_.set_progress(1, "{}");
  EXPECT_EQ(channel_.state().log, "");
  EXPECT_EQ(channel_.state().progress, "");
  EXPECT_TRUE(channel_.hear_log(2, 0, "abc"));
  channel_.hear_log_size(2, 3);
  EXPECT_EQ(channel_.state().log, "abc");
}

TEST_F(OwnChannel, LogOfAnotherAttempt_IsNotTaken) {
  channel_.set_status(RunStatus::running, 2);
  for (const int attempt : {1, 3}) channel_.add_log(attempt, "x");
  EXPECT_EQ(channel_.state().log, "");
}

TEST_F(OwnChannel, OnceTheAttemptHasLeft_OthersSayWhatBecomesOfIt) {
  channel_.add_log(1, "abc");
  channel_.leave(2);
  EXPECT_TRUE(channel_.state().here);
  channel_.leave(1);
  EXPECT_FALSE(channel_.state().here);
  channel_.add_log(1, "late");
  EXPECT_EQ(channel_.state().log, "abc");
  channel_.hear_status(RunStatus::queued, 1);
  EXPECT_EQ(channel_.state().status, RunStatus::queued);
}

}  // namespace
}  // namespace mecapy::feed
