#include "machines/reaper.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>
#include <utility>

#include "base/test_await.h"
#include "base/test_folder.h"
#include "machines/test_placer.h"
#include "store/test_run.h"

namespace mecapy::machines {
namespace {

namespace asio = boost::asio;
using clouds::Trouble;
using model::MachineState;
using std::chrono::minutes;

class ReaperTest : public testing::Test {
 protected:
  ReaperTest() {
    store_ = std::move(store::open_sqlite(folder_.path("db"), clock_)).value();
    options_.keeper = "me";
    options_.every = milliseconds(1);
    options_.ask_again = milliseconds(1);
    options_.first = milliseconds(1);
    options_.longest = milliseconds(2);
  }

  // A machine that is there, and is `state`.
  model::Machine machine(MachineState state = MachineState::booting) {
    auto [task, run] = store::test_run();
    run.backend = model::kDedicated;
    EXPECT_TRUE(base::await(store_->submit_ad_hoc(task, run, std::nullopt)));
    model::Machine machine;
    machine.id = model::MachineId::make();
    machine.run_id = run.id;
    machine.placer = "cloud";
    machine.type = "small";
    machine.token_hash = machine.id.str();
    EXPECT_TRUE(base::await(store_->machines().intend(
                                {machine, "me", minutes(60), minutes(5), minutes(60)}))
                    .value());
    if (state != MachineState::intended) change(machine, MachineState::intended, state);
    return machine;
  }
  void change(const model::Machine& machine, MachineState from, MachineState to) {
    EXPECT_TRUE(base::await(store_->machines().change({machine.id, "me", from, to})).value());
  }
  clouds::Found part(const std::string& machine, const std::string& id,
                     minutes age = minutes(60)) const {
    return {machine, "server", id, "a", "running", clock_->now() - age};
  }
  std::vector<std::string> ids() const {
    std::vector<std::string> all;
    for (const clouds::Found& one : cloud_.parts) all.push_back(one.id);
    return all;
  }

  // Runs a reaper until `enough`, ten seconds at most.
  void reap_until(const std::function<bool(Reaper&)>& enough,
                  std::vector<clouds::Placer*> placers = {}) {
    if (placers.empty()) placers = {&cloud_};
    std::vector<Reaper::Ward> wards;
    for (clouds::Placer* one : placers) wards.push_back({one, std::string(one->name())});
    Reaper reaper(io_, *store_, std::move(wards), clock_, options_);
    bool fine = false;
    asio::co_spawn(
        io_,
        [&]() -> awaitable<void> {
          reaper.start();
          const auto deadline = base::after(seconds(10));
          asio::steady_timer timer(io_);
          while (!(fine = enough(reaper)) && steady_clock::now() < deadline) {
            timer.expires_after(milliseconds(1));
            co_await timer.async_wait(asio::use_awaitable);
          }
          co_await reaper.drain(base::after(seconds(5)));
        },
        base::rethrow);
    io_.restart();
    io_.run();
    EXPECT_TRUE(fine);
  }
  // A process starts, compares once, and stops.
  void reap() {
    reap_until([&](Reaper& reaper) { return !reaper.reapings().empty(); });
  }
  std::vector<store::Leftover> leftovers() {
    return base::await(store_->machines().leftovers()).value();
  }
  store::Reaping reaping() { return base::await(store_->machines().reapings()).value().at(0); }

  using steady_clock = std::chrono::steady_clock;
  base::TestFolder folder_;
  std::shared_ptr<base::ManualClock> clock_ =
      std::make_shared<base::ManualClock>(base::SystemClock().now());
  asio::io_context io_{1};
  std::unique_ptr<store::Store> store_;
  ScriptedPlacer cloud_{"cloud", {}};
  ReaperOptions options_;
};

TEST_F(ReaperTest, WhatNoLiveMachineOwns_IsRemoved_AndWhatOneOwnsIsNot) {
  const model::Machine live = machine();
  const model::Machine ending = machine(MachineState::ending);  // its keeper is at it
  const model::Machine gone = machine(MachineState::gone);
  cloud_.parts = {part(live.id.str(), "live"), part(ending.id.str(), "ending"),
                  part(gone.id.str(), "gone"), part(model::MachineId::make().str(), "unknown"),
                  part("", "untagged"),        part("0000", "nonsense")};
  cloud_.parts[3].kind = "volume";
  cloud_.parts[4].kind = "address";
  options_.every = seconds(60);
  reap_until([&](Reaper& reaper) {
    return reaper.removed().at(0).parts == 4 && !reaper.reapings().empty();
  });
  EXPECT_EQ(ids(), (std::vector<std::string>{"live", "ending"}));
  EXPECT_EQ(cloud_.listed, 1);
  EXPECT_EQ(reaping().done_at, clock_->now());
  EXPECT_TRUE(leftovers().empty());
}

// Otherwise it would be taken for one that nobody owns.
TEST_F(ReaperTest, TheRowsAreReadAfterTheList_SoThatWhatIsJustBeingMadeStays) {
  options_.grace = seconds(0);
  cloud_.on_list = [&]() -> awaitable<void> {
    if (cloud_.listed == 1) cloud_.parts = {part(machine().id.str(), "new", minutes(0))};
    co_return;
  };
  reap();
  EXPECT_EQ(ids(), std::vector<std::string>{"new"});
}

TEST_F(ReaperTest, AYoungPart_IsGivenItsGrace_AlsoOfUnknownAge) {
  cloud_.parts = {part("", "young", minutes(9)), part("", "ageless")};
  cloud_.parts[1].made.reset();
  reap();
  EXPECT_EQ(ids(), (std::vector<std::string>{"young", "ageless"}));
  clock_->advance(minutes(1));
  reap();
  EXPECT_EQ(ids(), std::vector<std::string>{"ageless"});
  options_.grace = seconds(0);
  reap();
  EXPECT_TRUE(ids().empty());
}

TEST_F(ReaperTest, APartOfTheFuture_IsOfUnknownAge) {
  cloud_.parts = {part("", "future", minutes(-600))};
  reap();
  EXPECT_EQ(ids(), std::vector<std::string>{"future"});
  options_.grace = seconds(0);
  reap();
  EXPECT_TRUE(ids().empty());
}

TEST_F(ReaperTest, APartThatGoesInSteps_IsAskedForUntilItIsGone) {
  cloud_.parts = {part("", "slow")};
  cloud_.steps_to_remove = 4;
  reap_until([&](Reaper&) { return cloud_.parts.empty(); });
  EXPECT_EQ(cloud_.removals.size(), 4u);
}

TEST_F(ReaperTest, WhatCannotBeRemoved_IsToldWithTheCloudsWords_AndIsInNobodysWay) {
  cloud_.stuck_parts = {{"stuck", {Trouble::refused, "403: volume is\nattached"}}};
  cloud_.parts = {part("m", "stuck"), part("", "other")};
  const base::TimePoint since = clock_->now();
  reap();
  EXPECT_EQ(ids(), std::vector<std::string>{"stuck"});
  ASSERT_EQ(leftovers().size(), 1u);
  EXPECT_EQ(leftovers()[0].said, "refused: 403: volume is attached");
  EXPECT_EQ(leftovers()[0].machine, "m");
  EXPECT_EQ(leftovers()[0].since, since);
  // Never forgotten, also by who comes next; new ones come first.
  clock_->advance(minutes(30));
  cloud_.parts.push_back(part("", "new"));
  cloud_.removals.clear();
  reap();
  EXPECT_EQ(cloud_.removals.at(0), "new");
  EXPECT_EQ(leftovers().at(0).since, since);
  cloud_.stuck_parts.clear();
  reap();
  EXPECT_TRUE(ids().empty());
  EXPECT_TRUE(leftovers().empty());
}

// More than one comparison tries, or the store remembers.
TEST_F(ReaperTest, AThousandStuckParts_HideNoOther_AndEachIsTriedAgainInItsTurn) {
  const auto name = [](int i) { return "stuck" + std::to_string(10'000 + i); };
  for (int i = 0; i < 2'500; ++i) {
    cloud_.parts.push_back(part("", name(i)));
    cloud_.stuck_parts.insert({name(i), {Trouble::refused, "no"}});
  }
  cloud_.parts.push_back(part("", "last"));
  const auto compared = [&](int times) {
    clock_->advance(milliseconds(1));  // it is due again
    return cloud_.listed > times;      // the ones before are done
  };
  reap_until([&](Reaper&) { return compared(3); });
  EXPECT_EQ(std::ranges::count(cloud_.parts, "last", &clouds::Found::id), 0);
  EXPECT_EQ(leftovers().size(), 1'000u);
  const std::set<std::string> tried(cloud_.removals.begin(), cloud_.removals.end());
  EXPECT_EQ(tried.size(), 2'501u);
  // Whatever is remembered, or was tried last: who comes new turns to each within three.
  cloud_.removals.clear();
  cloud_.listed = 0;
  cloud_.stuck_parts.clear();
  reap_until([&](Reaper&) { return compared(3); });
  EXPECT_TRUE(ids().empty());
  EXPECT_EQ(cloud_.removals.size(), 2'500u);
  EXPECT_TRUE(leftovers().empty());
}

TEST_F(ReaperTest, NewParts_ComeBeforeAThousandThatAreKnown) {
  for (int i = 0; i < 1'000; ++i) {
    cloud_.parts.push_back(part("", "stuck" + std::to_string(i)));
    cloud_.stuck_parts.insert({cloud_.parts.back().id, {Trouble::refused, "no"}});
  }
  reap();
  ASSERT_EQ(leftovers().size(), 1'000u);
  clock_->advance(minutes(30));
  cloud_.parts.push_back(part("", "new"));
  cloud_.removals.clear();
  reap();
  EXPECT_EQ(cloud_.removals.at(0), "new");
  EXPECT_EQ(cloud_.removals.size(), 1'000u);
  EXPECT_EQ(leftovers().size(), 1'000u);
}

TEST_F(ReaperTest, TheWordsOfAStranger_AreKeptWithinBounds) {
  cloud_.parts = {part(std::string("\0\n\xff", 3) + std::string(100'000, 'm'), "stuck")};
  cloud_.stuck_parts = {{"stuck", {Trouble::refused, "no"}}};
  reap();
  ASSERT_EQ(leftovers().size(), 1u);
  EXPECT_LE(leftovers()[0].machine.size(), 500u);
  EXPECT_EQ(leftovers()[0].machine.find('\n'), std::string::npos);
}

TEST_F(ReaperTest, WhatNobodyHasTriedYetAsItStops_IsNotToldAsStuck_AndWhatIsStuckStaysTold) {
  cloud_.stuck_parts = {{"stuck", {Trouble::quota, "no"}}};
  cloud_.parts = {part("", "stuck")};
  reap();
  ASSERT_EQ(leftovers().size(), 1u);
  clock_->advance(minutes(30));
  // It is told to stop as it has its list.
  cloud_.parts.push_back(part("", "new"));
  cloud_.removals.clear();
  Reaper reaper(io_, *store_, {{&cloud_, "cloud"}}, clock_, options_);
  cloud_.on_list = [&]() -> awaitable<void> {
    asio::co_spawn(io_, reaper.drain(base::after(seconds(5))), base::rethrow);
    asio::steady_timer timer(io_, milliseconds(1));
    co_await timer.async_wait(asio::use_awaitable);
  };
  reaper.start();
  io_.restart();
  io_.run();
  EXPECT_TRUE(cloud_.removals.empty());
  ASSERT_EQ(leftovers().size(), 1u);
  EXPECT_EQ(leftovers()[0].id, "stuck");
  EXPECT_EQ(leftovers()[0].said, "quota: no");
}

TEST_F(ReaperTest, APlacerThatIsAway_IsTold_AskedAgain_AndStopsNoOther) {
  ScriptedPlacer other("other", {});
  other.parts = {part("", "x")};
  cloud_.parts = {part("", "y")};
  cloud_.list_refusal = clouds::Refusal{Trouble::passing, "503"};
  reap_until(
      [&](Reaper&) {
        clock_->advance(milliseconds(1));  // it is due again
        return other.parts.empty() && cloud_.listed >= 3;
      },
      {&cloud_, &other});
  EXPECT_EQ(reaping().placer, "cloud");
  EXPECT_EQ(reaping().trouble, "not now: 503");
  EXPECT_FALSE(reaping().done_at);
  cloud_.list_refusal.reset();
  reap();
  EXPECT_TRUE(ids().empty());
  EXPECT_EQ(reaping().trouble, "");
  EXPECT_TRUE(reaping().done_at);
}

TEST_F(ReaperTest, APlacerThatHangs_StopsNoOther) {
  ScriptedPlacer other("other", {});
  other.parts = {part("", "x")};
  asio::steady_timer never(io_, seconds(3600));
  cloud_.on_list = [&]() -> awaitable<void> {
    boost::system::error_code ec;
    co_await never.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  };
  reap_until(
      [&](Reaper&) {
        const bool done = cloud_.listed == 1 && other.parts.empty();
        if (done) never.cancel();
        return done;
      },
      {&cloud_, &other});
}

TEST_F(ReaperTest, WhoGoesThroughALongList_KeepsOthersAwayUntilItIsDone) {
  for (int i = 0; i < 20; ++i) cloud_.parts.push_back(part("", "x" + std::to_string(i)));
  bool another = false;
  cloud_.on_remove = [&]() -> awaitable<void> {
    clock_->advance(minutes(1));  // 20 together, of which a lease is 4
    auto begun = co_await store_->machines().begin_reaping("cloud", "another", minutes(1), {});
    another = another || begun.value();
  };
  reap_until([&](Reaper&) { return cloud_.parts.empty(); });
  EXPECT_FALSE(another);
}

TEST_F(ReaperTest, WhoStoodStillBeyondItsLease_StopsAtOnce_AndTellsNothing) {
  cloud_.parts = {part("", "x"), part("", "y"), part("", "z")};
  cloud_.stuck_parts = {{"x", {Trouble::refused, "no"}}};
  cloud_.on_remove = [&]() -> awaitable<void> {
    clock_->advance(minutes(5));
    EXPECT_TRUE(
        (co_await store_->machines().begin_reaping("cloud", "another", minutes(60), {})).value());
  };
  reap();
  EXPECT_EQ(cloud_.removals.size(), 1u);
  EXPECT_TRUE(leftovers().empty());
  EXPECT_FALSE(reaping().done_at);
}

TEST_F(ReaperTest, OfTwoProcesses_OneIsAtItAtATime) {
  int at_once = 0;
  int most = 0;
  cloud_.on_list = [&]() -> awaitable<void> {
    most = std::max(most, ++at_once);
    asio::steady_timer timer(io_, milliseconds(5));
    co_await timer.async_wait(asio::use_awaitable);
    --at_once;
  };
  options_.keeper = "another";
  Reaper second(io_, *store_, {{&cloud_, "cloud"}}, clock_, options_);
  options_.keeper = "me";
  second.start();
  bool stopped = false;
  reap_until([&](Reaper&) {
    clock_->advance(milliseconds(1));  // each is due again
    const bool enough = cloud_.listed >= 6;
    if (enough && !std::exchange(stopped, true)) {
      asio::co_spawn(io_, second.drain(base::after(seconds(5))), base::rethrow);
    }
    return enough;
  });
  EXPECT_EQ(most, 1);
}

}  // namespace
}  // namespace mecapy::machines
