// What the queue in memory promises beside the contract.
#include "queue/memory_queue.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "queue/queue_contract.h"

namespace mecapy::queue {
namespace {

using model::RunId;

QueueUnderTest make(std::size_t capacity) {
  const auto clock = std::make_shared<base::ManualClock>(base::TimePoint(std::chrono::hours(1000)));
  const auto queue = std::make_shared<MemoryQueue>(capacity, clock);
  return {queue, [clock, queue](std::chrono::microseconds d) {
            clock->advance(d);
            queue->poke();
          }};
}

INSTANTIATE_TEST_SUITE_P(Memory, QueueContract,
                         testing::Values(QueueFactory{"memory", make,
                                                      std::chrono::milliseconds(-1)}));

base::Deadline soon() { return base::after(std::chrono::minutes(1)); }

TEST(MemoryQueue, ClockThatRuns_ResumesThePopByItself) {
  const auto clock = std::make_shared<base::SystemClock>();
  MemoryQueue queue(5, clock);
  const RunId id = RunId::make();
  ASSERT_TRUE(queue.push(id, std::chrono::milliseconds(5)));
  EXPECT_EQ(await(queue.pop(soon())), id);
}

TEST(MemoryQueue, RunAMomentBeforeItsTime_IsNotGiven) {
  const auto clock = std::make_shared<base::ManualClock>(base::TimePoint());
  MemoryQueue queue(5, clock);
  const RunId id = RunId::make();
  ASSERT_TRUE(queue.push(id, std::chrono::seconds(10)));
  clock->advance(std::chrono::seconds(10) - std::chrono::microseconds(1));
  EXPECT_EQ(await(queue.pop(base::after(std::chrono::milliseconds(-1)))), std::nullopt);
  clock->advance(std::chrono::microseconds(1));
  EXPECT_EQ(await(queue.pop(soon())), id);
}

TEST(MemoryQueue, EarlierTime_ComesFirstAndAWaitingRunIsNeverTooMany) {
  const auto clock = std::make_shared<base::ManualClock>(base::TimePoint(std::chrono::hours(1)));
  MemoryQueue queue(2, clock);
  const RunId late = RunId::make(), early = RunId::make();
  ASSERT_TRUE(queue.push(late, -std::chrono::seconds(1)));
  ASSERT_TRUE(queue.push(early, -std::chrono::seconds(5)));
  EXPECT_TRUE(queue.push(late, {}));  // full, but it waits already
  EXPECT_EQ(await(queue.pop(soon())), early);
  EXPECT_EQ(await(queue.pop(soon())), late);
}

TEST(MemoryQueue, WaitingPop_IsResumedByTheTimeOfTheEarlierOfTwo) {
  const auto clock = std::make_shared<base::ManualClock>(base::TimePoint(std::chrono::hours(1)));
  MemoryQueue queue(5, clock);
  const RunId later = RunId::make(), sooner = RunId::make();
  ASSERT_TRUE(queue.push(later, std::chrono::hours(2)));
  boost::asio::io_context loop;
  std::optional<std::optional<RunId>> popped;
  boost::asio::co_spawn(loop, keep(queue.pop(soon()), popped), base::rethrow);
  loop.poll();
  ASSERT_TRUE(queue.push(sooner, std::chrono::hours(1)));
  clock->advance(std::chrono::hours(3));
  queue.poke();
  loop.run();
  EXPECT_EQ(*popped, sooner);
}

TEST(MemoryQueue, CancelledPop_EndsWithNothingAndTakesNothing) {
  const auto clock = std::make_shared<base::ManualClock>(base::TimePoint());
  MemoryQueue queue(5, clock);
  boost::asio::io_context loop;
  boost::asio::cancellation_signal stop;
  std::optional<std::optional<RunId>> popped;
  boost::asio::co_spawn(loop, keep(queue.pop(soon()), popped),
                        boost::asio::bind_cancellation_slot(stop.slot(), base::rethrow));
  loop.poll();
  stop.emit(boost::asio::cancellation_type::terminal);
  loop.run();
  EXPECT_EQ(*popped, std::nullopt);
  const RunId id = RunId::make();
  ASSERT_TRUE(queue.push(id, {}));
  EXPECT_EQ(await(queue.pop(soon())), id);
}

TEST(MemoryQueue, Destruction_EndsWaitingPops) {
  const auto clock = std::make_shared<base::ManualClock>(base::TimePoint());
  auto queue = std::make_unique<MemoryQueue>(5, clock);
  boost::asio::io_context loop;
  std::optional<std::optional<RunId>> popped;
  boost::asio::co_spawn(loop, keep(queue->pop(soon()), popped), base::rethrow);
  loop.poll();
  queue.reset();
  loop.run();
  EXPECT_EQ(*popped, std::nullopt);
}

}  // namespace
}  // namespace mecapy::queue
