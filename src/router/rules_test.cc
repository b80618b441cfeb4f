#include "router/rules.h"

#include <gtest/gtest.h>

namespace mecapy::router {
namespace {

Offer offer(std::string_view backend, double seconds, double cpus, double memory_mb) {
  return offer_of(backend, {.timeout_s = seconds, .memory_mb = memory_mb, .cpus = cpus});
}
const Offer kLocalOffer = offer("local", 600, 1, 2048);
const Offer kContainer = offer("serverless_container", 570, 1, 2048);
const Offer kMachine = offer("dedicated_instance", 86'400, 8, 32'768);

std::vector<Rule> first_rules() { return parse_rules(kFirstRules).value(); }

std::string backend(const std::vector<Offer>& offers, const Need& need) {
  const auto chosen = choose(first_rules(), offers, need);
  return chosen ? chosen->backend : chosen.error().message;
}

TEST(Rules, BelowTenMinutes_AContainer_ElseAMachineOfItsOwn) {
  const std::vector<Offer> both{kContainer, kMachine};
  EXPECT_EQ(backend(both, need_of(30, {})), "serverless_container");
  EXPECT_EQ(backend(both, need_of(599.9, {})), "dedicated_instance");  // has 570 s
  EXPECT_EQ(backend(both, need_of(600, {})), "dedicated_instance");
  EXPECT_EQ(backend(both, need_of(6 * 3600, {})), "dedicated_instance");
}

TEST(Rules, WhatIsNotConfigured_IsPassedOver) {
  EXPECT_EQ(backend({kLocalOffer}, need_of(30, {})), "local");
  EXPECT_EQ(backend({kLocalOffer}, need_of(600, {})), "local");
  EXPECT_EQ(backend({kLocalOffer, kMachine}, need_of(600, {})), "dedicated_instance");
}

TEST(Rules, MoreThanABackendHas_GoesOn) {
  const std::vector<Offer> both{kContainer, kMachine};
  EXPECT_EQ(backend(both, need_of(1, {.cpus = 4})), "dedicated_instance");
  EXPECT_EQ(backend(both, need_of(1, {.memory_mb = 4096})), "dedicated_instance");
}

TEST(Rules, GraphicsProcessors_AreWhereTheyAre) {
  Offer with = kMachine;
  with.gpus = Amount(2);
  EXPECT_EQ(backend({kContainer, with}, need_of(1, {.gpus = 1})), "dedicated_instance");
  EXPECT_EQ(backend({kContainer, kMachine}, need_of(1, {.gpus = 1})),
            "no backend takes this run: serverless_container has 0 GPUs of the 1 needed; "
            "dedicated_instance has 0 GPUs of the 1 needed");
  const auto rules = parse_rules("gpus<1:serverless_container *:dedicated_instance").value();
  EXPECT_EQ(choose(rules, {kContainer, with}, need_of(1, {}))->backend, "serverless_container");
  EXPECT_EQ(choose(rules, {kContainer, with}, need_of(1, {.gpus = 2}))->backend,
            "dedicated_instance");
}

TEST(Rules, MachinesWithGraphicsProcessors_AreForRunsThatAskForThem) {
  Offer kept = kMachine;
  kept.gpus = Amount(2);
  kept.for_gpus_only = true;
  EXPECT_EQ(backend({kept}, need_of(1, {.gpus = 2})), "dedicated_instance");
  EXPECT_EQ(backend({kept, kMachine}, need_of(1, {})), "dedicated_instance");
  EXPECT_EQ(
      backend({kept}, need_of(1, {})),
      "no backend takes this run: of dedicated_instance, machines with graphics processors are "
      "for runs that ask for them");
}

TEST(Rules, OfSeveralMachines_OneMustHaveAllThatIsNeeded) {
  Offer fast = kMachine;
  fast.cpus = Amount(32);
  fast.memory_mb = Amount(4'000);
  Offer large = kMachine;
  large.cpus = Amount(4);
  large.memory_mb = Amount(256'000);
  const std::vector<Offer> both{fast, large};
  EXPECT_EQ(backend(both, need_of(1, {.cpus = 32})), "dedicated_instance");
  EXPECT_EQ(backend(both, need_of(1, {.memory_mb = 200'000})), "dedicated_instance");
  EXPECT_EQ(backend(both, need_of(1, {.memory_mb = 200'000, .cpus = 32})),
            "no backend takes this run: dedicated_instance has 4 CPUs of the 32 needed");
}

TEST(Rules, WhatNobodyHas_IsToldWithWhatThereIs) {
  EXPECT_EQ(backend({kContainer, kMachine}, need_of(1, {.cpus = 64})),
            "no backend takes this run: serverless_container has 1 CPUs of the 64 needed; "
            "dedicated_instance has 8 CPUs of the 64 needed");
}

TEST(Rules, TheFirstThatMatches_Wins_AndIsTheReason) {
  const auto rules = parse_rules("memory<1024,cpus<2:local  *:serverless_container").value();
  const std::vector<Offer> both{kContainer, kLocalOffer};
  const auto small = choose(rules, both, need_of(1, {.memory_mb = 512, .cpus = 1}));
  EXPECT_EQ(small->backend, "local");
  EXPECT_EQ(small->why, "memory<1024,cpus<2:local");
  EXPECT_EQ(choose(rules, both, need_of(1, {.memory_mb = 1024, .cpus = 1}))->backend,
            "serverless_container");
}

TEST(Rules, WhatTheErrorNames_IsEachConditionAndBackend) {
  EXPECT_EQ(parse_rules("x").error().message,
            "router.rules: \"x\" is no rule: write duration<SECONDS, cpus<NUMBER, memory<MIB, "
            "gpus<NUMBER or *, then :local, :serverless_container or :dedicated_instance");
  for (const std::string& one : conditions()) {
    const std::string condition = one.substr(0, one.find('<')) + "<1:local";
    EXPECT_TRUE(parse_rules(condition)) << condition;
  }
}

TEST(Rules, TextThatIsNoRule_IsNamed) {
  for (const char* text :
       {"local", "duration:local", "duration<:local", "duration<x:local", "duration<-1:local",
        "time<3:local", ":local", "*:elsewhere", "duration<600,:local", "duration<nan:local"}) {
    const auto rules = parse_rules(text);
    ASSERT_FALSE(rules) << text;
    EXPECT_EQ(rules.error().code, ErrorCode::usage);
    EXPECT_NE(rules.error().message.find(text), std::string::npos) << rules.error().message;
  }
  EXPECT_FALSE(parse_rules(" "));
}

}  // namespace
}  // namespace mecapy::router
