// The contract of every store: what of machines could not be removed, and who looks for it.
#include "store/machine_contract.h"

namespace mecapy::store {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TEST_P(MachineContract, OneReapsAtATime_EachPlacerByItself) {
  EXPECT_TRUE(begin_reaping("serve-1"));
  EXPECT_FALSE(begin_reaping("serve-2"));
  EXPECT_FALSE(begin_reaping("serve-1"));
  EXPECT_TRUE(begin_reaping("serve-2", {}, "another"));
  end_reaping("serve-1", {});
  EXPECT_TRUE(begin_reaping("serve-2"));
}

TEST_P(MachineContract, ConcurrentBegins_GiveOne) {
  std::vector<awaitable<Result<bool>>> calls;
  for (int i = 0; i < 8; ++i) {
    calls.push_back(
        machines().begin_reaping("cloud", "serve-" + std::to_string(i), minutes(5), seconds(0)));
  }
  int begun = 0;
  for (const auto& one : await_all(std::move(calls))) begun += one.value() ? 1 : 0;
  EXPECT_EQ(begun, 1);
}

TEST_P(MachineContract, WhoDiedAtIt_IsWaitedForNoLongerThanItsLease) {
  EXPECT_TRUE(begin_reaping("serve-1"));
  advance(minutes(5));
  EXPECT_TRUE(begin_reaping("serve-2"));
  end_reaping("serve-1", {part("v-1")});  // too late
  EXPECT_TRUE(leftovers().empty());
  EXPECT_FALSE(begin_reaping("serve-3"));
  ASSERT_TRUE(await(machines().take_over("serve-3", kCare)));  // the others are dead
  EXPECT_TRUE(begin_reaping("serve-3"));
}

TEST_P(MachineContract, WhoIsStillAtIt_KeepsOthersAway) {
  const auto renew = [&](const std::string& keeper) {
    return await(machines().renew_reaping("cloud", keeper, minutes(5))).value();
  };
  EXPECT_FALSE(renew("serve-1"));  // it has not begun
  EXPECT_TRUE(begin_reaping("serve-1"));
  advance(minutes(4));
  EXPECT_FALSE(renew("serve-2"));
  EXPECT_TRUE(renew("serve-1"));
  advance(minutes(4));
  EXPECT_FALSE(begin_reaping("serve-2"));
  advance(minutes(1));
  EXPECT_TRUE(begin_reaping("serve-2"));
  EXPECT_FALSE(renew("serve-1"));
  ASSERT_TRUE(await(machines().take_over("serve-3", kCare)));
  EXPECT_FALSE(renew("serve-2"));
}

TEST_P(MachineContract, WhatWasJustCompared_IsNotDueYet) {
  EXPECT_TRUE(begin_reaping("serve-1", minutes(5)));
  advance(minutes(2));
  end_reaping("serve-1", {});
  EXPECT_FALSE(begin_reaping("serve-2", minutes(5)));
  EXPECT_TRUE(begin_reaping("serve-2"));  // at its start
  end_reaping("serve-2", {});
  advance(minutes(5));
  EXPECT_TRUE(begin_reaping("serve-1", minutes(5)));
}

TEST_P(MachineContract, WhatCouldNotBeRemoved_IsKeptUntilItIsGone) {
  ASSERT_TRUE(begin_reaping("serve-1"));
  const base::TimePoint first = now();
  end_reaping("serve-1", {part("v-1"), part("v-2")});
  advance(minutes(5));
  ASSERT_TRUE(begin_reaping("serve-2"));
  end_reaping("serve-2", {part("v-2", "quota"), part("v-3")});
  const auto left = leftovers();
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].id, "v-2");
  EXPECT_EQ(left[0].said, "quota");
  EXPECT_EQ(left[0].since, first);
  EXPECT_EQ(left[0].kind + " " + left[0].zone, "volume a");
  EXPECT_EQ(left[1].id, "v-3");
  EXPECT_EQ(left[1].since, now());
}

TEST_P(MachineContract, APlacerThatDoesNotAnswer_IsTold_AndForgetsNothing) {
  ASSERT_TRUE(begin_reaping("serve-1"));
  const base::TimePoint fine = now();
  end_reaping("serve-1", {part("v-1")});
  advance(minutes(5));
  ASSERT_TRUE(begin_reaping("serve-1"));
  const base::TimePoint failed = now();
  end_reaping("serve-1", {}, "not now: 503");
  advance(minutes(5));
  ASSERT_TRUE(begin_reaping("serve-1"));
  end_reaping("serve-1", {}, "refused: 401");
  auto reapings = await(machines().reapings()).value();
  ASSERT_EQ(reapings.size(), 1u);
  EXPECT_EQ(reapings[0].done_at, fine);
  EXPECT_EQ(reapings[0].trouble, "refused: 401");
  EXPECT_EQ(reapings[0].since, failed);
  EXPECT_EQ(reapings[0].begun_at, now());
  EXPECT_EQ(leftovers().size(), 1u);
  ASSERT_TRUE(begin_reaping("serve-1"));
  end_reaping("serve-1", {});
  reapings = await(machines().reapings()).value();
  EXPECT_EQ(reapings[0].done_at, now());
  EXPECT_EQ(reapings[0].trouble, "");
  EXPECT_FALSE(reapings[0].since);
  EXPECT_TRUE(leftovers().empty());
}

TEST_P(MachineContract, APlacerThatNobodyUses_IsForgotten_ButWhatMayBeAtWork) {
  const auto forget = [&](const std::string& placer) {
    return await(machines().forget_placer(placer));
  };
  const model::Run run = long_run();
  const model::Machine machine = booting(run.id);
  EXPECT_EQ(forget("local").error().code, ErrorCode::conflict);
  EXPECT_EQ(forget("local").error().message, "1 machines of local may be at work");
  ASSERT_TRUE(change(machine, model::MachineState::booting, model::MachineState::ending));
  ASSERT_TRUE(begin_reaping("serve-1"));
  end_reaping("serve-1", {part("v-1")});
  ASSERT_TRUE(begin_reaping("serve-1"));
  end_reaping("serve-1", {}, "refused: 401");
  EXPECT_TRUE(forget("cloud").value());
  EXPECT_TRUE(leftovers().empty());
  EXPECT_TRUE(await(machines().reapings())->empty());
  EXPECT_FALSE(forget("cloud").value());
  EXPECT_EQ(await(machines().left())->size(), 1u);
  EXPECT_TRUE(forget("local").value());
  EXPECT_TRUE(await(machines().left())->empty());
  const auto left = await(machines().by_token(machine.token_hash)).value();
  EXPECT_EQ(left->said, "it was left to its placer, which is not used any more");
  EXPECT_EQ(left->gone_at, now());
}

TEST_P(MachineContract, AnotherName_LeavesTheMachinesToTheOldOne) {
  const std::string old = await(store_->installation("")).value();
  const model::Machine machine = booting(long_run().id);
  const model::Run run = long_run();
  const model::Machine working = booting(run.id);
  ASSERT_TRUE(take(working));
  ASSERT_TRUE(begin_reaping("serve-1"));
  end_reaping("serve-1", {part("v-1")});
  EXPECT_EQ(await(store_->installation(old)).value(), old);  // it is its name already
  EXPECT_EQ(await(machines().left())->size(), 2u);
  EXPECT_EQ(await(store_->installation("staging")).value(), "staging");
  EXPECT_EQ(await(store_->installation("")).value(), "staging");
  EXPECT_TRUE(await(machines().left())->empty());
  EXPECT_TRUE(leftovers().empty());
  EXPECT_TRUE(await(machines().reapings())->empty());
  const auto left = await(machines().by_token(machine.token_hash)).value();
  ASSERT_TRUE(left);
  EXPECT_EQ(left->said, "they were left to the installation " + old);
  advance(seconds(61));
  EXPECT_EQ(await(machines().dead_at_home(10))->size(), 1u);  // its run is tried again
}

}  // namespace
}  // namespace mecapy::store
