// The contract of every feed: within one process, and between two on the Redis of
// tools/services.sh.
#include "feed/feed_contract.h"

#include "base/id.h"
#include "feed/test_relay.h"

namespace mecapy::feed {
namespace {

using model::RunId;
using model::RunStatus;
using std::chrono::milliseconds;
using std::chrono::minutes;

FeedEnds within_a_process(boost::asio::io_context& loop) {
  auto feed = std::make_shared<Feed>(loop.get_executor());
  return {feed, feed.get(), feed.get()};
}

struct Processes {
  explicit Processes(boost::asio::io_context& loop)
      : prefix("mecapy:test-" + base::random_hex(8)), one(loop, prefix), two(loop, prefix) {}
  std::string prefix;
  Process one, two;
};

// A subscription that is not there yet hears nothing.
void hear_each_other(boost::asio::io_context& loop, Feed& from, Feed& to) {
  const RunId hello = RunId::make();
  const auto heard = to.open(hello);
  const auto said = from.open(hello);
  int attempt = 0;
  EXPECT_TRUE(eventually(
      loop, [&] { return heard->state().attempt > 0; },
      [&] { said->set_status(RunStatus::completed, ++attempt); }));
}

FeedEnds between_processes(boost::asio::io_context& loop) {
  auto both = std::make_shared<Processes>(loop);
  hear_each_other(loop, both->one.feed, both->two.feed);
  hear_each_other(loop, both->two.feed, both->one.feed);
  return {both, &both->one.feed, &both->two.feed};
}

TEST_P(FeedContract, LogPieces_ReachAWatcherInOrderByteForByte) {
  const RunId other = RunId::make();
  const auto here = here_.open(id_), beside = here_.open(other);
  const auto elsewhere = there_.watch(other);
  const Watcher watcher(loop_, there_.watch(id_));
  here->set_status(RunStatus::running, 1);
  beside->set_status(RunStatus::running, 1);
  std::string whole;
  for (int i = 0; i < 50; ++i) {
    const std::string piece =
        std::to_string(i) + (i % 2 == 0 ? std::string(" \r\n\0$5\xff ", 8) : "\n");
    here->add_log(1, piece);
    whole += piece;
    if (i % 5 == 0) ASSERT_TRUE(eventually([&] { return watcher.log() == whole; }));
  }
  ASSERT_TRUE(eventually([&] { return watcher.log() == whole; }));
  EXPECT_TRUE(watcher.only_grew());
  EXPECT_EQ(elsewhere->state().log, "");
}

TEST_P(FeedContract, Progress_ReachesAWatcherTheLatestLast) {
  const auto here = here_.open(id_);
  const Watcher watcher(loop_, there_.watch(id_));
  here->set_status(RunStatus::running, 1);
  std::vector<std::string> told;
  for (int i = 1; i <= 9; ++i) {
    told.push_back("{\"fraction\":0." + std::to_string(i) + "}");
    here->set_progress(1, told.back());
  }
  ASSERT_TRUE(eventually(
      [&] { return !watcher.progress().empty() && watcher.progress().back() == told[8]; }));
  // Some may be passed over, none comes after a later one.
  EXPECT_TRUE(std::ranges::is_sorted(watcher.progress()));
}

TEST_P(FeedContract, Statuses_ReachWhoOnlyOpensToo) {
  const Watcher watcher(loop_, there_.open(id_));
  const auto here = here_.open(id_);
  here->set_status(RunStatus::running, 3);
  ASSERT_TRUE(
      eventually([&] { return watcher.status() == Watcher::Status(3, RunStatus::running); }));
  here->set_status(RunStatus::cancelled, 3);
  ASSERT_TRUE(
      eventually([&] { return watcher.status() == Watcher::Status(3, RunStatus::cancelled); }));
}

TEST_P(FeedContract, TheEnd_IsToldOnceAndNothingComesAfterIt) {
  const auto here = here_.open(id_);
  const auto there = there_.watch(id_);
  const Watcher watcher(loop_, there);
  here->set_status(RunStatus::running, 1);
  here->add_log(1, "all of it");
  here->set_progress(1, "{\"fraction\":1}");
  ASSERT_TRUE(eventually([&] { return watcher.log() == "all of it"; }));
  here->set_status(RunStatus::completed, 1);
  ASSERT_TRUE(eventually([&] { return watcher.ends() > 0; }));
  const std::uint64_t version = there->state().version;
  const auto again = there_.watch(id_);
  settle();
  EXPECT_EQ(again, there);
  EXPECT_EQ(there->state().version, version);
  EXPECT_EQ(watcher.ends(), 1U);
  EXPECT_EQ(watcher.status(), Watcher::Status(1, RunStatus::completed));
}

TEST_P(FeedContract, AWatcherWhoComesLate_GetsWhatWasBeforeAndGoesOn) {
  const auto here = here_.open(id_);
  here->set_status(RunStatus::running, 2);
  here->add_log(2, "before\n");
  here->set_progress(2, "{\"fraction\":0.25}");
  here->set_progress(2, "{\"fraction\":0.5}");
  settle();
  const Watcher watcher(loop_, there_.watch(id_));
  ASSERT_TRUE(eventually([&] { return watcher.log() == "before\n"; }));
  ASSERT_TRUE(eventually([&] { return !watcher.progress().empty(); }));
  EXPECT_EQ(watcher.progress(), std::vector<std::string>{"{\"fraction\":0.5}"});
  EXPECT_EQ(watcher.status(), Watcher::Status(2, RunStatus::running));
  here->add_log(2, "after\n");
  ASSERT_TRUE(eventually([&] { return watcher.log() == "before\nafter\n"; }));
  EXPECT_TRUE(watcher.only_grew());
}

TEST_P(FeedContract, TheNextAttempt_BeginsItsLogAndProgressAnew) {
  const auto here = here_.open(id_);
  const auto there = there_.watch(id_);
  const Watcher watcher(loop_, there);
  here->set_status(RunStatus::running, 1);
  here->add_log(1, "first");
  here->set_progress(1, "{\"fraction\":0.9}");
  ASSERT_TRUE(eventually([&] { return watcher.log() == "first" && !watcher.progress().empty(); }));
  here->set_status(RunStatus::queued, 1);
  here->set_status(RunStatus::running, 2);
  ASSERT_TRUE(eventually([&] { return there->state().attempt == 2; }));
  EXPECT_EQ(there->state().log, "");
  EXPECT_EQ(there->state().progress, "");
  here->add_log(2, "second");
  ASSERT_TRUE(eventually([&] { return watcher.log() == "second"; }));
  EXPECT_TRUE(watcher.only_grew());
}

TEST_P(FeedContract, AWatcherWhereTheRunWas_GoesOnWithTheNextAttemptAtTheOtherEnd) {
  const auto here = here_.open(id_), there = there_.open(id_);
  here->set_status(RunStatus::running, 1);
  const Watcher watcher(loop_, here_.watch(id_));
  here->add_log(1, "first");
  ASSERT_TRUE(eventually([&] { return watcher.log() == "first"; }));
  here->set_status(RunStatus::queued, 1);
  there->set_status(RunStatus::running, 2);
  there->add_log(2, "second");
  ASSERT_TRUE(eventually([&] { return watcher.log() == "second"; }));
  there->set_status(RunStatus::completed, 2);
  ASSERT_TRUE(eventually([&] { return watcher.ends() == 1; }));
}

TEST_P(FeedContract, WatchersAtBothEnds_SeeTheSame) {
  const auto here = here_.open(id_);
  const Watcher one(loop_, there_.watch(id_)), two(loop_, there_.watch(id_)),
      near(loop_, here_.watch(id_));
  here->set_status(RunStatus::running, 1);
  here->add_log(1, "for all");
  for (const Watcher* watcher : {&one, &two, &near}) {
    ASSERT_TRUE(eventually([&] { return watcher->log() == "for all"; }));
  }
  here->set_status(RunStatus::failed, 1);
  for (const Watcher* watcher : {&one, &two, &near}) {
    ASSERT_TRUE(eventually([&] { return watcher->ends() == 1; }));
  }
}

TEST_P(FeedContract, AWatcherWhoLeftAndComesBack_HasItAllAgain) {
  const auto here = here_.open(id_);
  here->set_status(RunStatus::running, 1);
  here->add_log(1, "one ");
  auto there = there_.watch(id_);
  ASSERT_TRUE(eventually([&] { return there->state().log == "one "; }));
  there.reset();
  here->add_log(1, "two ");
  settle();
  there = there_.watch(id_);
  ASSERT_TRUE(eventually([&] { return there->state().log == "one two "; }));
  here->add_log(1, "three");
  ASSERT_TRUE(eventually([&] { return there->state().log == "one two three"; }));
}

TEST_P(FeedContract, WhatNobodyHoldsAnyMore_IsForgotten) {
  auto here = here_.open(id_);
  auto there = there_.watch(id_);
  EXPECT_EQ(there_.find(id_), there);
  here->set_status(RunStatus::running, 1);
  here->set_status(RunStatus::completed, 1);
  ASSERT_TRUE(eventually([&] { return model::is_end(there->state().status); }));
  here.reset();
  there.reset();
  settle();
  EXPECT_EQ(here_.find(id_), nullptr);
  EXPECT_EQ(there_.find(id_), nullptr);
  // Nothing of it comes to who asks now: the store has its end.
  const auto late = there_.watch(id_);
  settle();
  EXPECT_EQ(late->state().attempt, 0);
  EXPECT_EQ(late->state().status, RunStatus::queued);
}

TEST_P(FeedContract, AWait_EndsAtOnceForWhatWasMissedAndElseAtItsDeadline) {
  const auto there = there_.watch(id_);
  const auto wait = [&](std::uint64_t seen, base::Deadline deadline) {
    bool done = false;
    boost::asio::co_spawn(
        loop_,
        [&]() -> boost::asio::awaitable<void> {
          co_await there->changed(seen, deadline);
          done = true;
        },
        base::rethrow);
    return eventually([&] { return done; });
  };
  EXPECT_TRUE(wait(there->state().version, base::after(milliseconds(5))));
  EXPECT_EQ(there->state().version, 0U);
  here_.open(id_)->set_status(RunStatus::running, 1);
  ASSERT_TRUE(eventually([&] { return there->state().version > 0; }));
  EXPECT_TRUE(wait(0, base::after(minutes(1))));
}

INSTANTIATE_TEST_SUITE_P(All, FeedContract,
                         testing::Values(FeedFactory{"local", within_a_process},
                                         FeedFactory{"relay", between_processes}),
                         [](const auto& suite) { return suite.param.name; });

}  // namespace
}  // namespace mecapy::feed
