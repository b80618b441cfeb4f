// The tree of zygotes: real ones, started as the supervisor starts them.
#include "sandbox/zygote_set.h"

#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "sandbox/sandbox_fixture.h"

namespace mecapy::sandbox {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::steady_clock;

TEST(ZygoteKinds, EachHoldsWhatThoseAboveItHold) {
  EXPECT_EQ(modules_of(ZygoteKind::bare), "");
  std::string before;
  for (const ZygoteRow& row : kZygoteTable) {
    EXPECT_EQ(index_of(row.kind), static_cast<std::size_t>(&row - kZygoteTable.data()));
    EXPECT_TRUE(modules_of(row.kind).starts_with(before)) << row.name;
    before = modules_of(row.kind);
  }
  EXPECT_TRUE(has(before, "matplotlib.pyplot"));
}

TEST(ZygoteKinds, APackageAsksForItsKind) {
  EXPECT_EQ(kind_of_package("pandas"), ZygoteKind::pandas);
  EXPECT_EQ(kind_of_package(""), ZygoteKind::bare);
  EXPECT_EQ(kind_of_package("pandasx"), ZygoteKind::bare);
  EXPECT_EQ(highest_mentioned("import numpy, scipy"), ZygoteKind::scipy);
  EXPECT_EQ(highest_mentioned("x = 1"), ZygoteKind::bare);
}

class ZygoteSetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string error;
    ASSERT_TRUE(set_.launch(error)) << error;
  }
  void TearDown() override { set_.end_all(steady_clock::now()); }

  // Waits for the next word of a zygote that has a socket.
  void hear_ready(ZygoteKind kind) {
    const base::Deadline deadline = base::after(patience() * seconds(30));
    while (!set_.is_ready(kind)) {
      ASSERT_LT(steady_clock::now(), deadline);
      (void)set_.next(kind);
      ::poll(nullptr, 0, 2);
    }
  }

  Options options_ = test_options();
  ZygoteSet set_{options_};
};

TEST_F(ZygoteSetTest, ALargeKind_IsStartedWhenAskedForAndTheNextSmallerServesMeanwhile) {
  const SteadyTime now = steady_clock::now();
  EXPECT_EQ(set_.best_for(ZygoteKind::bare, now), ZygoteKind::bare);
  EXPECT_FALSE(set_.is_ready(ZygoteKind::scipy));
  EXPECT_EQ(set_.best_for(ZygoteKind::scipy, now), ZygoteKind::numpy);
  hear_ready(ZygoteKind::scipy);
  EXPECT_EQ(set_.best_for(ZygoteKind::scipy, now), ZygoteKind::scipy);
  EXPECT_EQ(set_.tend(now + minutes(9)), std::nullopt);
  EXPECT_EQ(set_.tend(now + minutes(11)), ZygoteKind::scipy);  // idle
  set_.end(ZygoteKind::scipy, now);
  EXPECT_EQ(set_.best_for(ZygoteKind::numpy, now + minutes(11)), ZygoteKind::numpy);
  EXPECT_EQ(set_.tend(now + minutes(11)), std::nullopt);  // not started again by itself
}

TEST_F(ZygoteSetTest, OneThatWasForkedOften_IsNamed) {
  const SteadyTime now = steady_clock::now();
  options_.zygote_forks = 2;
  int pair[2] = {-1, -1};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
  const base::Fd near(pair[0]);
  const base::Fd far(pair[1]);
  const int fds[] = {far.get()};  // without namespaces: it says that it cannot
  ASSERT_TRUE(set_.ask(ZygoteKind::numpy, 1, fds));
  EXPECT_EQ(set_.tend(now), std::nullopt);
  ASSERT_TRUE(set_.ask(ZygoteKind::numpy, 2, fds));
  EXPECT_EQ(set_.tend(now), ZygoteKind::numpy);
}

TEST_F(ZygoteSetTest, OneLarge_IsLoadedAtATime) {
  const SteadyTime now = steady_clock::now();
  (void)set_.best_for(ZygoteKind::scipy, now);
  (void)set_.best_for(ZygoteKind::pandas, now);
  EXPECT_FALSE(set_.ask(ZygoteKind::pandas, 1, {}));  // not started
  hear_ready(ZygoteKind::scipy);
  (void)set_.best_for(ZygoteKind::pandas, now);
  hear_ready(ZygoteKind::pandas);
}

TEST_F(ZygoteSetTest, OneThatHangsWhileItLoads_IsKilled) {
  const SteadyTime now = steady_clock::now();
  (void)set_.best_for(ZygoteKind::scipy, now);
  EXPECT_LE(set_.next_tend(now), now + minutes(1));
  (void)set_.tend(now + minutes(2));
  const base::Deadline deadline = base::after(patience() * seconds(10));
  std::optional<ZygoteReply> word;
  while (!word && steady_clock::now() < deadline) {
    word = set_.next(ZygoteKind::scipy);
    ::poll(nullptr, 0, 2);
  }
  ASSERT_TRUE(word);
  EXPECT_EQ(word->kind, ZygoteReply::Kind::failed);
}

TEST_F(ZygoteSetTest, WhatDoesNotFit_IsEndedAndNotStartedAgain) {
  const SteadyTime now = steady_clock::now();
  const std::int64_t always = set_.memory();
  EXPECT_GT(always, 10 << 20);
  options_.zygote_memory = always;
  EXPECT_EQ(set_.tend(now), std::nullopt);
  (void)set_.best_for(ZygoteKind::scipy, now);
  hear_ready(ZygoteKind::scipy);
  EXPECT_GT(set_.memory(), always + (10 << 20));
  EXPECT_EQ(set_.tend(now), ZygoteKind::scipy);
  set_.end(ZygoteKind::scipy, now);
  EXPECT_EQ(set_.memory(), always);
  EXPECT_EQ(set_.best_for(ZygoteKind::scipy, now), ZygoteKind::numpy);
  EXPECT_FALSE(set_.ask(ZygoteKind::scipy, 1, {}));  // it was not started
  options_.zygote_memory = always * 100;
  (void)set_.best_for(ZygoteKind::scipy, now);
  hear_ready(ZygoteKind::scipy);
}

TEST_F(ZygoteSetTest, OneThatNobodyWants_MakesRoom) {
  const SteadyTime now = steady_clock::now();
  (void)set_.best_for(ZygoteKind::pandas, now);
  hear_ready(ZygoteKind::pandas);
  options_.zygote_memory = set_.memory();
  set_.end(ZygoteKind::pandas, now);  // what it holds is known now
  (void)set_.best_for(ZygoteKind::scipy, now);
  hear_ready(ZygoteKind::scipy);
  EXPECT_EQ(set_.best_for(ZygoteKind::pandas, now), ZygoteKind::scipy);
  EXPECT_EQ(set_.tend(now), std::nullopt);  // scipy was asked for just now
  EXPECT_EQ(set_.best_for(ZygoteKind::pandas, now + minutes(2)), ZygoteKind::scipy);
  EXPECT_EQ(set_.tend(now + minutes(2)), ZygoteKind::scipy);
  set_.end(ZygoteKind::scipy, now);
  (void)set_.best_for(ZygoteKind::pandas, now + minutes(2));
  hear_ready(ZygoteKind::pandas);
}

TEST_F(ZygoteSetTest, AnOldOne_IsNamedAndStartedAgain) {
  const SteadyTime later = steady_clock::now() + hours(2);
  const auto old = set_.tend(later);
  ASSERT_EQ(old, ZygoteKind::bare);
  set_.end(*old, later);
  EXPECT_FALSE(set_.is_ready(*old));
  (void)set_.tend(later);
  hear_ready(*old);
}

TEST_F(ZygoteSetTest, ADeadBareOne_LeavesNothingToServeWith) {
  set_.end(ZygoteKind::numpy, steady_clock::now());
  set_.end(ZygoteKind::bare, steady_clock::now());
  EXPECT_EQ(set_.best_for(ZygoteKind::numpy, steady_clock::now()), std::nullopt);
  EXPECT_FALSE(set_.ask(ZygoteKind::numpy, 1, {}));
  EXPECT_FALSE(set_.hopeless());
}

// What a run finds imported, by the kind it asked for.
class Kinds : public SandboxTest {
 protected:
  static std::string loaded(ZygoteKind kind) {
    return play_kind(kind,
                     "import sys\ndef calculate(i):\n"
                     " return [p for p in ('numpy', 'scipy', 'pandas', 'matplotlib')"
                     " if p in sys.modules]")
        .result();
  }
};

TEST_F(Kinds, ABareRun_HasNothingLoadedAndStillReturnsArrays) {
  EXPECT_EQ(loaded(ZygoteKind::bare), "[]");
  const Played array = play_kind(
      ZygoteKind::bare, "def calculate(i):\n import numpy as np\n return np.arange(2).tolist()");
  EXPECT_EQ(array.result(), "[0,1]");
}

TEST_F(Kinds, ALargeRun_HasItsPackagesLoadedOnceTheZygoteIsThere) {
  const base::Deadline deadline = base::after(patience() * seconds(60));
  std::string found;
  while (found != R"(["numpy","scipy","pandas","matplotlib"])") {
    ASSERT_LT(steady_clock::now(), deadline) << found;
    found = loaded(ZygoteKind::matplotlib);
  }
  EXPECT_EQ(loaded(ZygoteKind::numpy), R"(["numpy"])");
}

}  // namespace
}  // namespace mecapy::sandbox
