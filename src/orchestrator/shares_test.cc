#include "orchestrator/shares.h"

#include <gtest/gtest.h>

namespace mecapy::orchestrator {
namespace {

using std::chrono::seconds;

Shares shares_of(int capacity) {
  return Shares([capacity] { return capacity; });
}

TEST(Shares, UsersShareAlike_AndAUsersWorkflowsHisShare) {
  Shares shares = shares_of(4);
  shares.enter("ann");
  shares.note("ann", seconds(0));
  EXPECT_EQ(shares.take("ann", 0), 8U);
  shares.give_back("ann", 8);
  shares.enter("bob");
  shares.note("bob", seconds(0));
  EXPECT_EQ(shares.take("ann", 0), 4U);
  shares.enter("bob");
  EXPECT_EQ(shares.take("bob", 0), 2U);
  EXPECT_EQ(shares.take("bob", 1), 1U);
  EXPECT_EQ(shares.count("bob"), 2U);
  shares.leave("bob");
  shares.leave("bob");
  EXPECT_EQ(shares.count("bob"), 0U);
  EXPECT_EQ(shares.take("ann", 4), 4U);
}

TEST(Shares, WhatRunsAlready_Counts) {
  Shares shares = shares_of(1);
  shares.enter("ann");
  shares.hold("ann", 3);
  EXPECT_EQ(shares.take("ann", 0), 0U);
  shares.give_back("ann", 3);
  EXPECT_EQ(shares.take("ann", 0), 1U);
}

TEST(Shares, EachUserHasOne) {
  Shares shares = shares_of(1);
  for (const char* user : {"a", "b", "c", "d", "e"}) shares.enter(user);
  EXPECT_EQ(shares.take("a", 0), 1U);
  EXPECT_EQ(shares.take("a", 1), 0U);
  EXPECT_EQ(shares.take("b", 0), 1U);
}

// However many workflows a user has, they take turns for his share.
TEST(Shares, WhoWaitsLongest_IsNext) {
  Shares shares = shares_of(1);
  for (int i = 0; i < 5; ++i) shares.enter("ann");
  shares.note("ann", seconds(0));
  EXPECT_EQ(shares.take("ann", 0), 1U);
  EXPECT_EQ(shares.take("ann", 0), 1U);
  EXPECT_EQ(shares.take("ann", 0), 0U);
  std::string order;
  std::vector<std::shared_ptr<Shares::Waiter>> waiters;
  for (const char* name : {"x", "y", "z"}) {
    waiters.push_back(std::make_shared<Shares::Waiter>());
    waiters.back()->granted = [&order, name] { order += name; };
    shares.wait("ann", waiters.back());
  }
  waiters[1].reset();  // it is gone
  shares.give_back("ann", 1);
  EXPECT_EQ(order, "x");
  EXPECT_EQ(shares.take("ann", 0), 0U);
  shares.give_back("ann", 1);
  EXPECT_EQ(order, "xz");
  shares.give_back("ann", 1);
  EXPECT_EQ(shares.take("ann", 0), 1U);
}

TEST(Shares, BehindLongRuns_AndTheFirst_NoneWaits) {
  Shares shares = shares_of(4);
  shares.enter("ann");
  EXPECT_EQ(shares.take("ann", 0), 4U);
  shares.give_back("ann", 4);
  shares.note("ann", seconds(10));
  EXPECT_EQ(shares.take("ann", 0), 4U);
  shares.give_back("ann", 4);
  for (int i = 0; i < 20; ++i) shares.note("ann", seconds(0));
  EXPECT_EQ(shares.take("ann", 0), 8U);
}

}  // namespace
}  // namespace mecapy::orchestrator
