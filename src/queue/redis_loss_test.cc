// What the queue in Redis does about keys that somebody emptied, or filled with what is no run; and
// the bounds it keeps there.
#include <set>

#include "queue/test_redis.h"

namespace mecapy::queue {
namespace {

using RedisLossTest = RedisTest;

// What Redis knows of a run and what it has of it are two keys: the second counts.
TEST_F(RedisLossTest, ARunWhoseEntryWasLost_IsTakenAgain) {
  const std::string jobs = prefix_.name() + ":jobs", later = prefix_.name() + ":later",
                    known_key = prefix_.name() + ":known";
  const RunId id = RunId::make();
  const auto lost_by = [&](std::chrono::microseconds pause, redis::Command loss) {
    SCOPED_TRACE(loss[0] + " " + loss[1]);
    const auto one = open();
    ASSERT_TRUE(one->push(id, pause));
    ASSERT_TRUE(eventually([&] { return known() == 1; }));
    if (loss[0] == "XDEL") loss.push_back(ask({"HGET", known_key, id.str()}).text);
    ask(std::move(loss));
    EXPECT_TRUE(arrives(id, *one));
    one->done(id);
    EXPECT_TRUE(eventually([&] { return entries() == 0 && known() == 0; }));
  };
  lost_by({}, {"XTRIM", jobs, "MAXLEN", "0"});
  lost_by({}, {"XDEL", jobs});
  lost_by(seconds(100), {"ZREM", later, id.str()});
}

TEST_F(RedisLossTest, ARunKnownToBeNowhere_IsTaken) {
  const auto one = open();
  const RunId id = RunId::make();
  ask({"HSET", prefix_.name() + ":known", id.str(), "no entry"});
  EXPECT_TRUE(arrives(id, *one));
  one->done(id);
  EXPECT_TRUE(eventually([&] { return entries() == 0 && known() == 0; }));
}

TEST_F(RedisLossTest, WhatIsKnownAndNotThere_IsForgottenAndDoesNotWait) {
  const auto one = open(milliseconds(300));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(one->push(RunId::make(), {}));
  ASSERT_TRUE(one->push(RunId::make(), seconds(100)));
  ASSERT_TRUE(eventually([&] { return known() == 4; }));
  ask({"XTRIM", prefix_.name() + ":jobs", "MAXLEN", "0"});
  EXPECT_TRUE(eventually([&] { return one->size() == 1 && known() == 1; }));
  EXPECT_EQ(ask({"HVALS", prefix_.name() + ":known"}).list.at(0).text, "later");
}

TEST_F(RedisLossTest, WhatIsNoRun_GoesWhenItIsRead) {
  const auto one = open();
  add_junk(":jobs", 20);
  const RunId id = RunId::make();
  ASSERT_TRUE(one->push(id, {}));
  EXPECT_EQ(await(one->pop(soon())), id);
  one->done(id);
  EXPECT_TRUE(eventually([&] { return entries() == 0; }));
}

TEST_F(RedisLossTest, WhatIsNoRun_DoesNotHoldTheWorkOfADeadProcess) {
  const RunId id = RunId::make();
  {
    const auto one = open(seconds(30), 10'000);
    add_junk(":jobs", 2000);
    ASSERT_TRUE(one->push(id, {}));
    ASSERT_TRUE(eventually([&] { return known() == 1; }));
  }
  die_with_all();
  const auto two = open(milliseconds(300));
  EXPECT_EQ(await(two->pop(soon())), id);
  two->done(id);
  EXPECT_TRUE(eventually([&] { return entries() == 0; }));
  EXPECT_EQ(two->size(), 0U);
}

// What was taken over is held, and nobody else gives it.
TEST_F(RedisLossTest, MoreOfTheDeadsWorkThanTheCapacity_IsGivenToo) {
  std::set<std::string> pushed, popped;
  {
    const auto one = open();
    for (int i = 0; i < 3; ++i) {
      const RunId id = RunId::make();
      pushed.insert(id.str());
      ASSERT_TRUE(one->push(id, {}));
    }
    ASSERT_TRUE(eventually([&] { return known() == 3; }));
  }
  die_with_all();
  const auto two = open(milliseconds(300), 1);
  const std::string jobs = prefix_.name() + ":jobs";
  ASSERT_TRUE(eventually([&] {
    const auto of_dead = ask({"XPENDING", jobs, "mecapy", "-", "+", "9", "dead-one"});
    return of_dead.list.empty();
  }));
  for (int i = 0; i < 3; ++i) {
    const auto id = await(two->pop(base::after(seconds(5))));
    ASSERT_TRUE(id);
    popped.insert(id->str());
    two->done(*id);
  }
  EXPECT_EQ(popped, pushed);
  EXPECT_TRUE(eventually([&] { return entries() == 0; }));
}

TEST_F(RedisLossTest, TheDead_AreTheLastThousandOrSo) {
  const auto one = open();
  add_junk(":dead", 2000);
  const RunId id = RunId::make();
  ASSERT_TRUE(one->push(id, {}));
  ASSERT_EQ(await(one->pop(soon())), id);
  one->bury(id, "worker_lost");
  EXPECT_TRUE(eventually([&] { return entries() == 0; }));
  EXPECT_GE(dead(), 1000);
  EXPECT_LE(dead(), 1200);  // Redis trims whole nodes of a hundred
}

// Each queue of the capacity of five, as two processes have them: neither knows of the other's.
TEST_F(RedisLossTest, TwoOnOneRedis_HoldTheCapacityTogether) {
  boost::asio::io_context loop;
  redis::Client client(loop.get_executor(), options_of("").address);
  RedisStream one(client, client, prefix_.name(), "one", 5),
      two(client, client, prefix_.name(), "two", 5);
  const auto hold = [&]() -> awaitable<void> {
    EXPECT_TRUE(co_await one.prepare());
    std::vector<Waiting> of_one, of_two;
    for (int i = 0; i < 4; ++i) of_one.push_back({RunId::make(), seconds(i % 2)});
    for (int i = 0; i < 4; ++i) of_two.push_back({RunId::make(), seconds(i % 2)});
    EXPECT_EQ((co_await one.push(of_one)).value(), 4);
    EXPECT_EQ((co_await two.push(of_two)).value(), 5);
    EXPECT_EQ((co_await one.push(of_one)).value(), 5);
    const auto taken = co_await two.read(1, seconds(0));
    EXPECT_EQ(taken.value().size(), 1U);
    EXPECT_EQ((co_await one.push(of_two)).value(), 5);  // there is room for one
  };
  bool done = false;
  boost::asio::co_spawn(loop, hold(), [&](const std::exception_ptr& e) {
    base::rethrow(e);
    done = true;
  });
  while (!done && loop.run_one() > 0) {
  }
  EXPECT_EQ(known(), 6);  // one of them runs
}

}  // namespace
}  // namespace mecapy::queue
