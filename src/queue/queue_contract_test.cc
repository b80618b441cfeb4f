// The contract of every queue.
#include "queue/queue_contract.h"

#include <set>
#include <thread>

namespace mecapy::queue {
namespace {

using model::RunId;
using std::chrono::seconds;

TEST_P(QueueContract, PushedRuns_ComeOutInTheOrderOfArrival) {
  const RunId a = RunId::make(), b = RunId::make(), c = RunId::make();
  for (const RunId& id : {b, a, c}) ASSERT_TRUE(queue_->push(id, kNow));
  EXPECT_EQ(pop_now(), b);
  EXPECT_EQ(pop_now(), a);
  EXPECT_EQ(pop_now(), c);
  EXPECT_EQ(pop_now(), std::nullopt);
}

TEST_P(QueueContract, RunBeforeItsTime_IsNotGiven) {
  const RunId id = RunId::make();
  ASSERT_TRUE(queue_->push(id, seconds(100)));
  EXPECT_EQ(pop_now(), std::nullopt);
  EXPECT_EQ(queue_->size(), 1U);
  advance(seconds(70));  // the rest is for a clock that runs as well
  EXPECT_EQ(pop_now(), std::nullopt);
  advance(seconds(30));
  EXPECT_EQ(pop_now(), id);
}

TEST_P(QueueContract, RunNotYetDue_DoesNotHoldThoseThatAre) {
  const RunId later = RunId::make(), now = RunId::make();
  ASSERT_TRUE(queue_->push(later, seconds(10)));
  ASSERT_TRUE(queue_->push(now, kNow));
  EXPECT_EQ(pop_now(), now);
  EXPECT_EQ(pop_now(), std::nullopt);
}

TEST_P(QueueContract, WaitingId_IsNotDoubledAndTheEarlierTimeWins) {
  const RunId id = RunId::make();
  ASSERT_TRUE(queue_->push(id, seconds(5)));
  ASSERT_TRUE(queue_->push(id, seconds(20)));
  EXPECT_TRUE(comes_to(1));
  advance(seconds(5));
  EXPECT_EQ(pop_now(), id);
  EXPECT_EQ(pop_now(), std::nullopt);

  ASSERT_TRUE(queue_->push(id, seconds(20)));
  ASSERT_TRUE(queue_->push(id, kNow));
  EXPECT_TRUE(comes_to(1));
  EXPECT_EQ(pop_now(), id);
  advance(seconds(20));
  EXPECT_EQ(pop_now(), std::nullopt);
}

TEST_P(QueueContract, PoppedId_MayBePushedAgain) {
  const RunId id = RunId::make();
  ASSERT_TRUE(queue_->push(id, kNow));
  EXPECT_EQ(pop_now(), id);
  ASSERT_TRUE(queue_->push(id, kNow));
  EXPECT_EQ(pop_now(), id);
}

TEST_P(QueueContract, FullQueue_IsBusyUntilThereIsRoom) {
  EXPECT_EQ(queue_->capacity(), kCapacity);
  const RunId first = RunId::make();
  ASSERT_TRUE(queue_->push(first, kNow));
  for (std::size_t i = 1; i < kCapacity; ++i) {
    ASSERT_TRUE(queue_->push(RunId::make(), kNow));
  }
  EXPECT_EQ(queue_->push(RunId::make(), kNow).error().code, ErrorCode::busy);
  EXPECT_EQ(queue_->size(), kCapacity);
  EXPECT_EQ(pop_now(), first);
  EXPECT_TRUE(queue_->push(RunId::make(), kNow));
}

TEST_P(QueueContract, WaitingPop_IsResumedByAPush) {
  const RunId id = RunId::make();
  std::thread pusher([&] { EXPECT_TRUE(queue_->push(id, kNow)); });
  EXPECT_EQ(await(queue_->pop(soon())), id);
  pusher.join();
  EXPECT_EQ(queue_->size(), 0U);
}

TEST_P(QueueContract, WaitingPop_IsResumedWhenTheTimeComes) {
  const RunId id = RunId::make();
  ASSERT_TRUE(queue_->push(id, std::chrono::hours(1)));
  boost::asio::io_context loop;
  std::optional<std::optional<RunId>> popped;
  boost::asio::co_spawn(loop, keep(queue_->pop(soon()), popped), base::rethrow);
  loop.poll();
  EXPECT_FALSE(popped);
  advance(std::chrono::hours(1));
  loop.run();
  EXPECT_EQ(*popped, id);
}

TEST_P(QueueContract, PopWhoseDeadlinePasses_GivesNothing) {
  EXPECT_EQ(await(queue_->pop(base::after(std::chrono::milliseconds(5)))), std::nullopt);
  ASSERT_TRUE(queue_->push(RunId::make(), kNow));  // nobody waits any more
  EXPECT_EQ(queue_->size(), 1U);
}

TEST_P(QueueContract, Close_EndsWaitingAndFurtherPops) {
  ASSERT_TRUE(queue_->push(RunId::make(), seconds(10)));
  boost::asio::io_context loop;
  std::vector<std::optional<std::optional<RunId>>> popped(3);
  for (auto& one : popped)
    boost::asio::co_spawn(loop, keep(queue_->pop(soon()), one), base::rethrow);
  loop.poll();
  queue_->close();
  loop.run();
  for (const auto& one : popped) EXPECT_EQ(*one, std::nullopt);
  EXPECT_EQ(await(queue_->pop(soon())), std::nullopt);
  EXPECT_EQ(queue_->push(RunId::make(), kNow).error().code, ErrorCode::draining);
  queue_->close();
}

TEST_P(QueueContract, EachRun_GoesToOneOfManyPops) {
  boost::asio::io_context loop;
  std::vector<std::optional<std::optional<RunId>>> popped(kCapacity);
  for (auto& one : popped)
    boost::asio::co_spawn(loop, keep(queue_->pop(soon()), one), base::rethrow);
  loop.poll();
  std::set<std::string> pushed, seen;
  std::vector<std::thread> pushers;
  for (std::size_t i = 0; i < kCapacity; ++i) {
    const RunId id = RunId::make();
    pushed.insert(id.str());
    pushers.emplace_back([this, id] { EXPECT_TRUE(queue_->push(id, kNow)); });
  }
  loop.run();
  for (std::thread& pusher : pushers) pusher.join();
  for (const auto& one : popped) seen.insert(one->value().str());
  EXPECT_EQ(seen, pushed);
}

}  // namespace
}  // namespace mecapy::queue
