// What the queue in Redis promises beside the contract: that processes share it, that the work of a
// dead one is given to another, and that Redis may go and come. On the Redis of tools/services.sh.
#include <atomic>
#include <future>
#include <set>

#include "queue/test_redis.h"

namespace mecapy::queue {
namespace {

struct Owned {
  Prefix prefix;
  std::unique_ptr<RedisQueue> queue;
};

// Redis's clock cannot be moved; the times of what waits can.
constexpr const char* kAdvance = R"lua(
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  redis.call('ZINCRBY', KEYS[1], -tonumber(ARGV[1]), id)
end
return 0)lua";

// The clock of this process stands still: it is not the queue's.
QueueUnderTest make(std::size_t capacity) {
  auto owned = std::make_shared<Owned>();
  owned->queue = std::make_unique<RedisQueue>(
      options_of(owned->prefix.name()), capacity,
      std::make_shared<base::ManualClock>(base::TimePoint(std::chrono::hours(1000))));
  EXPECT_TRUE(eventually([&] { return owned->queue->health().has_value(); }));
  return {{owned, owned->queue.get()}, [owned](std::chrono::microseconds d) {
            const auto ms = std::chrono::duration_cast<milliseconds>(d).count();
            ask({"EVAL", kAdvance, "1", owned->prefix.name() + ":later", std::to_string(ms)});
            owned->queue->poke();
          }};
}

INSTANTIATE_TEST_SUITE_P(Redis, QueueContract,
                         testing::Values(QueueFactory{"redis", make, milliseconds(700)}));

using RedisQueueTest = RedisTest;

TEST_F(RedisQueueTest, WhatOnePushes_AnotherPops) {
  const auto one = open(), two = open();
  const RunId id = RunId::make();
  ASSERT_TRUE(one->push(id, {}));
  EXPECT_EQ(await(two->pop(soon())), id);
  two->done(id);
  EXPECT_TRUE(eventually([&] { return entries() == 0 && known() == 0; }));
}

TEST_F(RedisQueueTest, EachRun_GoesToOneOfTwo) {
  const auto one = open(), two = open();
  constexpr int kRuns = 200;
  std::set<std::string> pushed;
  for (int i = 0; i < kRuns; ++i) {
    const RunId id = RunId::make();
    pushed.insert(id.str());
    ASSERT_TRUE((i % 2 == 0 ? one : two)->push(id, {}));
  }
  std::atomic<int> left = kRuns;
  const base::Deadline deadline = soon();
  const auto pop_all = [&](RedisQueue& queue) {
    std::vector<std::string> popped;
    while (left > 0 && std::chrono::steady_clock::now() < deadline) {
      const auto id = await(queue.pop(base::after(milliseconds(500))));
      if (!id) continue;
      --left;
      popped.push_back(id->str());
      queue.done(*id);
    }
    return popped;
  };
  auto other = std::async(std::launch::async, [&] { return pop_all(*two); });
  const auto first = pop_all(*one);
  const auto second = other.get();
  EXPECT_EQ(first.size() + second.size(), static_cast<std::size_t>(kRuns));
  std::set<std::string> seen(first.begin(), first.end());
  seen.insert(second.begin(), second.end());
  EXPECT_EQ(seen, pushed);
}

TEST_F(RedisQueueTest, ARunBothPush_IsThereOnce) {
  const auto one = open(), two = open();
  const RunId id = RunId::make();
  ASSERT_TRUE(one->push(id, seconds(1)));
  ASSERT_TRUE(two->push(id, {}));
  ASSERT_TRUE(one->push(id, {}));
  EXPECT_EQ(await(two->pop(soon())), id);
  ASSERT_TRUE(one->push(id, {}));  // held by the other
  EXPECT_EQ(await(one->pop(base::after(milliseconds(1500)))), std::nullopt);
  two->done(id);
}

// A process that died is a consumer that nobody hears of any more.
TEST_F(RedisQueueTest, WhatADeadProcessHeld_IsGivenToAnotherAfterTheLease) {
  const RunId id = RunId::make();
  {
    const auto one = open();
    ASSERT_TRUE(one->push(id, {}));
    ASSERT_TRUE(eventually([&] { return entries() == 1; }));
  }
  ask({"XREADGROUP", "GROUP", "mecapy", "dead-one", "STREAMS", prefix_.name() + ":jobs", ">"});
  const auto two = open(milliseconds(300));
  EXPECT_EQ(await(two->pop(soon())), id);
  two->done(id);
  EXPECT_TRUE(eventually([&] { return entries() == 0; }));
}

TEST_F(RedisQueueTest, WhatALivingProcessHolds_StaysItsOwn) {
  const auto one = open(milliseconds(300)), two = open(milliseconds(300));
  const RunId id = RunId::make();
  ASSERT_TRUE(one->push(id, {}));
  ASSERT_EQ(await(one->pop(soon())), id);
  EXPECT_EQ(await(two->pop(base::after(milliseconds(1500)))), std::nullopt);
  one->done(id);
}

TEST_F(RedisQueueTest, GivenToTooMany_ItIsDead) {
  const RunId id = RunId::make();
  {
    const auto one = open();
    ASSERT_TRUE(one->push(id, {}));
    ASSERT_TRUE(eventually([&] { return entries() == 1; }));
  }
  const std::string jobs = prefix_.name() + ":jobs";
  ask({"XREADGROUP", "GROUP", "mecapy", "dead-one", "STREAMS", jobs, ">"});
  const std::string entry = ask({"XRANGE", jobs, "-", "+"}).list.at(0).list.at(0).text;
  for (int i = 0; i < 10; ++i)
    ask({"XCLAIM", jobs, "mecapy", "dead-" + std::to_string(i), "0", entry});
  const auto two = open(milliseconds(100));
  EXPECT_EQ(await(two->pop(base::after(seconds(2)))), std::nullopt);
  EXPECT_EQ(entries(), 0);
  EXPECT_EQ(known(), 0);
  EXPECT_EQ(
      ask({"XRANGE", prefix_.name() + ":dead", "-", "+"}).list.at(0).list.at(1).list.at(1).text,
      id.str());
}

TEST_F(RedisQueueTest, Buried_IsAmongTheDead) {
  const auto one = open();
  const RunId id = RunId::make();
  ASSERT_TRUE(one->push(id, {}));
  ASSERT_EQ(await(one->pop(soon())), id);
  one->bury(id, "worker_lost");
  EXPECT_TRUE(eventually([&] { return entries() == 0; }));
  const auto dead = ask({"XRANGE", prefix_.name() + ":dead", "-", "+"});
  ASSERT_EQ(dead.list.size(), 1U);
  EXPECT_EQ(dead.list[0].list[1].list.at(3).text, "worker_lost");
}

TEST_F(RedisQueueTest, WhatAClosedQueueHeld_IsGivenToOthersAtOnce) {
  auto one = open();
  const auto two = open();
  const RunId id = RunId::make();
  ASSERT_TRUE(one->push(id, {}));
  ASSERT_EQ(await(one->pop(soon())), id);
  one.reset();
  EXPECT_EQ(await(two->pop(soon())), id);
  two->done(id);
}

TEST_F(RedisQueueTest, EmptiedRedis_TakesWhatIsPushedAgain) {
  const auto one = open(), two = open();
  ASSERT_TRUE(one->push(RunId::make(), seconds(100)));
  ASSERT_TRUE(eventually([&] { return known() == 1; }));
  ask({"DEL", prefix_.name() + ":jobs", prefix_.name() + ":later", prefix_.name() + ":known"});
  const RunId id = RunId::make();
  std::optional<RunId> popped;
  EXPECT_TRUE(eventually([&] {  // as the reconciler does
    (void)one->push(id, {});
    popped = await(two->pop(base::after(milliseconds(300))));
    return popped.has_value();
  }));
  EXPECT_EQ(popped, id);
  two->done(id);
}

TEST_F(RedisQueueTest, WithoutRedis_TheQueueIsThisProcesssOwn) {
  RedisOptions options = options_of(prefix_.name());
  options.address.port = 1;
  std::vector<std::optional<std::string>> told;
  std::mutex mutex;
  options.on_change = [&](const std::optional<std::string>& why) {
    const std::lock_guard lock(mutex);
    told.push_back(why);
  };
  RedisQueue queue(std::move(options), 2, clock_);
  const RunId id = RunId::make();
  ASSERT_TRUE(queue.push(id, {}));
  EXPECT_EQ(await(queue.pop(soon())), id);
  queue.done(id);
  const auto health = queue.health();
  ASSERT_FALSE(health);
  EXPECT_EQ(health.error().code, ErrorCode::unavailable);
  ASSERT_TRUE(queue.push(RunId::make(), {}));
  ASSERT_TRUE(queue.push(RunId::make(), {}));
  EXPECT_EQ(queue.push(RunId::make(), {}).error().code, ErrorCode::busy);
}

}  // namespace
}  // namespace mecapy::queue
