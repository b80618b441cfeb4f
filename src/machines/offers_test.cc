#include "machines/offers.h"

#include <gtest/gtest.h>

#include "machines/test_placer.h"

namespace mecapy::machines {
namespace {

TEST(Offers, TheFirstThatIsLargeEnough_UntilItIsRefused) {
  ScriptedPlacer cheap("cheap", {{"small", "a", 1, 2048, 0}, {"large", "a", 8, 32'768, 0}});
  ScriptedPlacer dear("dear", {{"small", "", 1, 2048, 0}});
  Offers offers({&cheap, &dear});
  model::Limits limits;
  limits.memory_mb = 1024;
  Offers::Pick picked = offers.pick(limits);
  EXPECT_EQ(offer_name(*picked.placer, *picked.offer), "cheap small in a");
  model::Machine machine;
  machine.placer = "cheap";
  machine.type = "small";
  machine.zone = "a";
  offers.refused(machine, {clouds::Trouble::out_of_stock, "none"});
  picked = offers.pick(limits);
  EXPECT_EQ(picked.offer->type, "large");
  machine.type = "large";
  offers.refused(machine, {clouds::Trouble::quota, "2 of 2"});
  picked = offers.pick(limits);
  EXPECT_EQ(offer_name(*picked.placer, *picked.offer), "dear small");
  limits.cpus = 4;
  picked = offers.pick(limits);
  EXPECT_EQ(picked.offer, nullptr);
  EXPECT_EQ(picked.why_not, "cheap large in a: quota: 2 of 2");
  ASSERT_EQ(offers.placings().size(), 2u);
  EXPECT_EQ(offers.placings()[0].became, "out of stock");
  offers.placed(machine);
  offers.placed(machine);
  EXPECT_EQ(offers.placings().back().became, "placed");
  EXPECT_EQ(offers.placings().back().times, 2u);
  limits.cpus = 9;
  EXPECT_EQ(offers.pick(limits).why_not, "no machine that can be had is large enough");
}

TEST(Offers, APlacerThatIsNotHereAnyMore_IsNobody) {
  ScriptedPlacer cheap("cheap", {});
  const Offers offers({&cheap});
  model::Machine machine;
  machine.placer = "cheap";
  EXPECT_EQ(offers.placer_of(machine), &cheap);
  machine.placer = "gone";
  EXPECT_EQ(offers.placer_of(machine), nullptr);
}

}  // namespace
}  // namespace mecapy::machines
