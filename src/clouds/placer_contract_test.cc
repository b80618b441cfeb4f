// What clouds/placer.h promises, asked of every placer: slurm's on a real cluster, those of clouds
// against their simulators, which also say what of a request is not as the clouds want it.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <thread>

#include "clouds/test_world.h"

namespace mecapy::clouds {
namespace {

using base::await;

struct Kind {
  std::string name;
  std::function<std::unique_ptr<World>()> make;
  bool is_cloud = true;
};
void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {
      {"local", [] { return std::make_unique<LocalWorld>(); }, false},
      {"scaleway", [] { return std::make_unique<ScalewayWorld>(); }},
      {"openstack", [] { return std::make_unique<OpenstackWorld>(); }},
      {"slurm", [] { return std::make_unique<SlurmWorld>(); }, false},
  };
  return all;
}
std::vector<Kind> clouds() {
  std::vector<Kind> some;
  std::ranges::copy_if(kinds(), std::back_inserter(some), &Kind::is_cloud);
  return some;
}

class PlacerContract : public testing::TestWithParam<Kind> {
 protected:
  void TearDown() override {
    if (TestCloud* cloud = world_->cloud()) {
      if (!wrong_expected_) EXPECT_EQ(cloud->violations(), "[]");
      EXPECT_EQ(cloud->crashes(), "[]");
    }
    for (const std::string& text : told_) {
      for (const std::string& secret : world_->secrets()) {
        EXPECT_EQ(text.find(secret), std::string::npos) << text;
      }
      if (!token_.empty()) EXPECT_EQ(text.find(token_), std::string::npos) << text;
    }
  }

  struct Placed {
    std::optional<Refusal> refusal;
    std::vector<std::string> saved;
    std::string parts() const { return saved.empty() ? "" : saved.back(); }
  };
  // `saves`: so many are kept, the next is not.
  Placed place(const Order& order, std::size_t saves = 100) {
    Placed placed;
    token_ = order.token;
    const Save save = [&placed, saves](std::string parts) -> awaitable<bool> {
      if (placed.saved.size() >= saves) co_return false;
      placed.saved.push_back(std::move(parts));
      co_return true;
    };
    placed.refusal = refusal_of(await(placer().place(order, save, soon())));
    return placed;
  }
  // So many steps as it takes, within bounds.
  void destroy(const std::string& machine, const std::string& parts) {
    const auto deadline = base::after(seconds(20));
    while (std::chrono::steady_clock::now() < deadline) {
      auto answer = await(placer().destroy(machine, parts, soon()));
      (void)refusal_of(answer);
      if (const bool* done = std::get_if<bool>(&answer); done != nullptr && *done) return;
      std::this_thread::sleep_for(milliseconds(2));  // a cloud tells nobody when it is done
    }
    FAIL() << "it is never done: " << (told_.empty() ? "" : told_.back());
  }
  Sight look(const std::string& machine, const std::string& parts) {
    auto answer = await(placer().look(machine, parts, soon()));
    if (auto refusal = refusal_of(answer)) throw std::runtime_error(refusal->message);
    return std::get<Sight>(answer);
  }
  // A cluster takes a moment to give a job its node.
  void expect_running(const std::string& machine, const std::string& parts) {
    const auto deadline = base::after(seconds(20));
    Sight seen = look(machine, parts);
    while (seen.phase == Phase::making && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(20));
      seen = look(machine, parts);
    }
    EXPECT_EQ(seen.phase, Phase::running) << seen.said;
  }
  std::vector<Found> list(Placer& placer) {
    auto answer = await(placer.list(base::after(seconds(60))));
    if (auto refusal = refusal_of(answer)) throw std::runtime_error(refusal->message);
    return std::get<std::vector<Found>>(answer);
  }
  void remove_all(Placer& placer) {
    const auto deadline = base::after(seconds(20));
    for (auto there = list(placer); !there.empty(); there = list(placer)) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      for (const Found& part : there) (void)refusal_of(await(placer.remove(part, soon())));
    }
  }

  template <class T>
  std::optional<Refusal> refusal_of(const Answer<T>& answer) {
    const auto* refusal = std::get_if<Refusal>(&answer);
    if (refusal == nullptr) return std::nullopt;
    told_.push_back(refusal->message);
    return *refusal;
  }

  Placer& placer() { return world_->placer(); }
  TestCloud& cloud() { return *world_->cloud(); }

  std::unique_ptr<World> world_ = GetParam().make();
  std::vector<std::string> told_;
  std::string token_;
  bool wrong_expected_ = false;
};

TEST_P(PlacerContract, AMachineThatWasMade_RunsAndIsTakenAwayWhole) {
  const Order order = world_->order();
  const Placed placed = place(order);
  ASSERT_FALSE(placed.refusal) << placed.refusal->message;
  EXPECT_EQ(world_->left(), world_->parts());
  expect_running(order.machine, placed.parts());
  destroy(order.machine, placed.parts());
  EXPECT_EQ(world_->left(), 0U);
  EXPECT_EQ(look(order.machine, placed.parts()).phase, Phase::absent);
}

TEST_P(PlacerContract, WhatWasNeverMade_IsDestroyedAndAbsent) {
  const std::string machine = base::make_uuid7();
  EXPECT_EQ(look(machine, "").phase, Phase::absent);
  destroy(machine, "");
  destroy(machine, "no parts of ours");
}

TEST_P(PlacerContract, DestroyedTwice_IsStillDone) {
  const Order order = world_->order();
  const Placed placed = place(order);
  destroy(order.machine, placed.parts());
  destroy(order.machine, placed.parts());
  EXPECT_EQ(world_->left(), 0U);
}

TEST_P(PlacerContract, WhatCannotBeSaved_StopsTheMachineAndLeavesNothing) {
  for (std::size_t saves = 0;; ++saves) {
    const Order order = world_->order();
    const Placed placed = place(order, saves);
    const bool whole = !placed.refusal;
    if (!whole) EXPECT_EQ(placed.refusal->trouble, Trouble::passing);
    if (saves == 0) EXPECT_EQ(world_->left(), 0U) << "nothing was saved, and something was made";
    destroy(order.machine, placed.parts());
    EXPECT_EQ(world_->left(), 0U) << saves << " saves";
    if (whole) break;
  }
}

TEST_P(PlacerContract, DestroyedBesideOthers_TheyAreLeftAlone) {
  const Order kept = world_->order();
  const Order ended = world_->order();
  const Placed first = place(kept);
  const Placed second = place(ended);
  destroy(ended.machine, second.parts());
  EXPECT_EQ(world_->left(), world_->parts());
  expect_running(kept.machine, first.parts());
  destroy(kept.machine, first.parts());
}

TEST_P(PlacerContract, List_TellsAllPartsWithTheirMachine) {
  const Order order = world_->order();
  const Placed placed = place(order);
  const std::vector<Found> found = list(placer());
  EXPECT_EQ(found.size(), world_->parts());
  for (const Found& part : found) {
    EXPECT_EQ(part.machine, order.machine) << part.kind;
    EXPECT_FALSE(part.id.empty());
    EXPECT_EQ(part.zone, order.zone);
  }
  destroy(order.machine, placed.parts());
  EXPECT_TRUE(list(placer()).empty());
}

TEST_P(PlacerContract, WhatIsListed_CanBeRemovedByAnother) {
  const Order order = world_->order();
  (void)place(order);
  const auto another = world_->another("house-1");
  remove_all(*another);
  EXPECT_EQ(world_->left(), 0U);
}

INSTANTIATE_TEST_SUITE_P(All, PlacerContract, testing::ValuesIn(kinds()),
                         [](const auto& info) { return info.param.name; });

// ---- clouds: answers that are lost, late or untrue

class CloudContract : public PlacerContract {};

TEST_P(CloudContract, EachFaultOfEachCall_LeavesNothing) {
  for (const std::string& fault : world_->cloud()->faults()) {
    for (const char* on : {"images", "create_address", "create", "tag_volume", "user_data",
                           "poweron", "get", "list", "terminate", "delete", "delete_volume",
                           "delete_address", "list_volumes", "list_addresses", "token", "any"}) {
      try {
        cloud().fault(fault, on, std::string(on) == "any" ? 12 : 1);
      } catch (const std::runtime_error&) {
        continue;  // it does not befall this
      }
      const Order order = world_->order();
      const Placed placed = place(order);
      destroy(order.machine, placed.parts());
      EXPECT_EQ(world_->left(), 0U) << fault << " on " << on;
      cloud().control("calm", {});
    }
  }
}

// A cloud that is away, or slow to say so: the worker was there before.
TEST_P(CloudContract, AMachineWhoseWorkerCalledHome_IsNotWaitedFor) {
  cloud().control("hold", {{"held", true}});
  Order order = world_->order();
  int asked = 0;
  order.overtaken = [&asked] { return ++asked == 3; };
  const Placed placed = place(order);
  EXPECT_FALSE(placed.refusal);
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(look(order.machine, placed.parts()).phase, Phase::making);
  cloud().control("hold", {{"held", false}});
  destroy(order.machine, placed.parts());
  EXPECT_EQ(world_->left(), 0U);
}

TEST_P(CloudContract, AnAnswerThatWasLost_IsUnknownAndFoundByItsTag) {
  for (const char* fault : {"made_error", "made_bad_gateway", "made_cut"}) {
    const std::size_t before = world_->left();
    cloud().fault(fault, "create");
    const Order order = world_->order();
    const Placed placed = place(order);
    ASSERT_TRUE(placed.refusal) << fault;
    EXPECT_EQ(placed.refusal->trouble, Trouble::unknown) << placed.refusal->message;
    EXPECT_EQ(world_->left(), before + world_->parts()) << "made more than once, or not at all";
    EXPECT_NE(look(order.machine, placed.parts()).phase, Phase::absent);
    destroy(order.machine, placed.parts());
    EXPECT_EQ(world_->left(), before);
  }
}

TEST_P(CloudContract, WhatIsSurelyNotDone_IsAskedAgain) {
  for (const char* fault : {"busy_empty", "busy"}) {
    cloud().fault(fault, "create", 2);
    const Order order = world_->order();
    const Placed placed = place(order);
    EXPECT_FALSE(placed.refusal) << placed.refusal->message;
    destroy(order.machine, placed.parts());
  }
}

TEST_P(CloudContract, TroublesAreToldApart) {
  struct Row {
    const char* fault;
    Trouble trouble;
  };
  for (const Row& row : {Row{"quota", Trouble::quota}, Row{"forbidden", Trouble::refused},
                         Row{"busy_empty", Trouble::passing}, Row{"transient", Trouble::passing},
                         Row{"fails", Trouble::out_of_stock}}) {
    const bool machines = std::string(row.fault) == "fails";
    cloud().fault(row.fault, "create", machines ? 1 : 10);
    const Order order = world_->order();
    const Placed placed = place(order);
    cloud().control("calm", {});
    ASSERT_TRUE(placed.refusal) << row.fault;
    EXPECT_EQ(placed.refusal->trouble, row.trouble) << placed.refusal->message;
    destroy(order.machine, placed.parts());
  }
}

TEST_P(CloudContract, ACloudThatIsDown_IsPassingAndHidesNothing) {
  const Order order = world_->order();
  const Placed placed = place(order);
  cloud().control("down", {{"seconds", 60}});
  const Placed other = place(world_->order());
  ASSERT_TRUE(other.refusal);
  EXPECT_TRUE(other.refusal->trouble == Trouble::passing ||
              other.refusal->trouble == Trouble::unknown)
      << other.refusal->message;
  EXPECT_EQ(refusal_of(await(placer().list(soon())))->trouble, Trouble::passing);
  EXPECT_EQ(refusal_of(await(placer().look(order.machine, placed.parts(), soon())))->trouble,
            Trouble::passing);
  EXPECT_EQ(refusal_of(await(placer().destroy(order.machine, placed.parts(), soon())))->trouble,
            Trouble::passing);
  cloud().control("calm", {});
  destroy(order.machine, placed.parts());
  EXPECT_EQ(world_->left(), 0U);
}

TEST_P(CloudContract, NothingIsWaitedForBeyondTheDeadline) {
  cloud().control("patience", {{"silent_s", 60}});
  const auto begin = std::chrono::steady_clock::now();
  for (const char* on : {"list", "create"}) cloud().fault("silent", on, 50);
  const Order order = world_->order();
  const Save save = [](std::string) -> awaitable<bool> { co_return true; };
  const auto short_while = [] { return base::after(milliseconds(300)); };
  EXPECT_TRUE(refusal_of(await(placer().place(order, save, short_while()))));
  EXPECT_TRUE(refusal_of(await(placer().list(short_while()))));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(10));
  cloud().control("calm", {});
}

TEST_P(CloudContract, AMachineThatPoweredOff_IsOverAndGoesWhole) {
  for (const char* fate : {"", "stops_in_place"}) {
    try {
      if (*fate != '\0') cloud().fault(fate);
    } catch (const std::runtime_error&) {
      continue;  // not of this cloud
    }
    const Order order = world_->order();
    const Placed placed = place(order);
    const auto state = cloud().state();
    const std::string server = text_at(array_at(state, {"servers"}).front(), {"id"});
    cloud().control("power_off", {{"server", server}});
    EXPECT_EQ(look(order.machine, placed.parts()).phase, Phase::over);
    destroy(order.machine, placed.parts());
    EXPECT_EQ(world_->left(), 0U);
  }
}

TEST_P(CloudContract, AServerThatTheCloudLost_LeavesNoVolumeAndNoAddress) {
  const Order order = world_->order();
  const Placed placed = place(order);
  const auto state = cloud().state();
  const std::string server = text_at(array_at(state, {"servers"}).front(), {"id"});
  cloud().control("vanish", {{"server", server}});
  EXPECT_EQ(look(order.machine, placed.parts()).phase, Phase::absent);
  destroy(order.machine, "");
  EXPECT_EQ(world_->left(), 0U);
}

TEST_P(CloudContract, PartsOfAnotherInstallation_AreNeitherListedNorTaken) {
  const auto neighbour = world_->another("house-2");
  const Order order = world_->order();
  const Placed placed = place(order);
  EXPECT_TRUE(list(*neighbour).empty());
  for (const Found& part : list(placer())) {
    EXPECT_TRUE(refusal_of(await(neighbour->remove(part, soon()))));
  }
  EXPECT_EQ(world_->left(), world_->parts());
  destroy(order.machine, placed.parts());
}

INSTANTIATE_TEST_SUITE_P(All, CloudContract, testing::ValuesIn(clouds()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace mecapy::clouds
