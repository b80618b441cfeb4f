#include "router/rules.h"

#include <gtest/gtest.h>

namespace mecapy::router {
namespace {

const Offer kLocalOffer{"local", 600, 1, 2048};
const Offer kContainer{"serverless_container", 570, 1, 2048};
const Offer kMachine{"dedicated_instance", 86'400, 8, 32'768};

std::vector<Rule> first_rules() { return parse_rules(kFirstRules).value(); }

std::string backend(const std::vector<Offer>& offers, const Need& need) {
  const auto chosen = choose(first_rules(), offers, need);
  return chosen ? chosen->backend : chosen.error().message;
}

TEST(Rules, BelowTenMinutes_AContainer_ElseAMachineOfItsOwn) {
  const std::vector<Offer> both{kContainer, kMachine};
  EXPECT_EQ(backend(both, {.duration_s = 30}), "serverless_container");
  EXPECT_EQ(backend(both, {.duration_s = 599.9}), "dedicated_instance");  // has 570 s
  EXPECT_EQ(backend(both, {.duration_s = 600}), "dedicated_instance");
  EXPECT_EQ(backend(both, {.duration_s = 6 * 3600}), "dedicated_instance");
}

TEST(Rules, WhatIsNotConfigured_IsPassedOver) {
  EXPECT_EQ(backend({kLocalOffer}, {.duration_s = 30}), "local");
  EXPECT_EQ(backend({kLocalOffer}, {.duration_s = 600}), "local");
  EXPECT_EQ(backend({kLocalOffer, kMachine}, {.duration_s = 600}), "dedicated_instance");
}

TEST(Rules, MoreThanABackendHas_GoesOn) {
  const std::vector<Offer> both{kContainer, kMachine};
  EXPECT_EQ(backend(both, {.duration_s = 1, .cpus = 4}), "dedicated_instance");
  EXPECT_EQ(backend(both, {.duration_s = 1, .memory_mb = 4096}), "dedicated_instance");
}

TEST(Rules, WhatNobodyHas_IsToldWithWhatThereIs) {
  EXPECT_EQ(backend({kContainer, kMachine}, {.duration_s = 1, .cpus = 64}),
            "no backend takes this run: serverless_container has 1 CPUs of the 64 needed; "
            "dedicated_instance has 8 CPUs of the 64 needed");
}

TEST(Rules, TheFirstThatMatches_Wins_AndIsTheReason) {
  const auto rules = parse_rules("memory<1024,cpus<2:local  *:serverless_container").value();
  const std::vector<Offer> both{kContainer, kLocalOffer};
  const auto small = choose(rules, both, {.duration_s = 1, .cpus = 1, .memory_mb = 512});
  EXPECT_EQ(small->backend, "local");
  EXPECT_EQ(small->why, "memory<1024,cpus<2:local");
  EXPECT_EQ(choose(rules, both, {.duration_s = 1, .cpus = 1, .memory_mb = 1024})->backend,
            "serverless_container");
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
