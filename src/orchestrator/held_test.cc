#include "orchestrator/held.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>

namespace mecapy::orchestrator {
namespace {

constexpr std::size_t kMiB = 1UL << 20;

class HeldTest : public ::testing::Test {
 protected:
  // Whether it had not to wait.
  bool take(Holding& holding, std::size_t bytes) {
    const int before = taken_;
    boost::asio::co_spawn(io_, taking(holding, bytes), boost::asio::detached);
    poll();
    return taken_ > before;
  }
  void poll() {
    io_.restart();
    io_.poll();
  }
  boost::asio::awaitable<void> taking(Holding& holding, std::size_t bytes) {
    co_await holding.take(bytes);
    ++taken_;
  }

  boost::asio::io_context io_;
  std::shared_ptr<Held> held_ = std::make_shared<Held>(10 * kMiB);
  int taken_ = 0;
};

TEST_F(HeldTest, WhatHasRoom_IsKept) {
  Holding one(held_);
  EXPECT_TRUE(take(one, 6 * kMiB));
  EXPECT_TRUE(take(one, 4 * kMiB));
  EXPECT_FALSE(one.beyond());
  EXPECT_EQ(held_->bytes(), 10 * kMiB);
  one.settle(5 * kMiB);
  EXPECT_EQ(held_->bytes(), 5 * kMiB);
  EXPECT_EQ(held_->peak(), 10 * kMiB);
}

TEST_F(HeldTest, BeyondIt_OneAtATimeGoesOn) {
  Holding full(held_);
  ASSERT_TRUE(take(full, 10 * kMiB));
  std::optional<Holding> first;
  first.emplace(held_);
  Holding second(held_);
  EXPECT_TRUE(take(*first, kMiB));
  EXPECT_TRUE(first->beyond());
  EXPECT_TRUE(take(*first, kMiB));  // its turn lasts until its step is done
  EXPECT_FALSE(take(second, kMiB));
  const int before = taken_;
  first.reset();
  poll();
  EXPECT_EQ(taken_, before + 1);
  EXPECT_TRUE(second.beyond());
  second.settle(0);
  EXPECT_EQ(held_->bytes(), 10 * kMiB);
}

TEST_F(HeldTest, WhatIsMoreThanAll_GoesByTurn) {
  Holding one(held_);
  EXPECT_TRUE(take(one, 11 * kMiB));
  EXPECT_TRUE(one.beyond());
}

}  // namespace
}  // namespace mecapy::orchestrator
