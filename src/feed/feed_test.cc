// What a channel takes of what another process tells: pieces may come twice, late or not at all.
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

}  // namespace
}  // namespace mecapy::feed
