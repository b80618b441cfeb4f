#include "cost/cost.h"

#include <gtest/gtest.h>

namespace mecapy::cost {
namespace {

const Prices& prices() {
  static const Prices table = load_prices("").value();
  return table;
}

Usage container(double seconds, double cpus, double memory_gb) {
  return {std::string(model::kServerless), seconds, cpus, memory_gb};
}
Usage machine(const char* placer, const char* type, double seconds) {
  Usage usage{std::string(model::kDedicated), seconds, 4, 8, placer, type};
  usage.machine_s = seconds;
  return usage;
}

const Component* component(const Cost& cost, std::string_view name) {
  for (const Component& one : cost.components) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

struct Expected {
  Usage usage;
  double eur;
  std::vector<std::pair<const char*, double>> parts;  // quantity of each component, in order
};
// By hand, at the prices of the table.
TEST(RunCost, IsUsageTimesPrice) {
  Usage kept = container(30, 1, 2);
  kept.stored_bytes = 2'000'000'000;
  kept.egress_bytes = 500'000'000;
  for (const Expected& expected : {
           // 30 x 0.00001 + 60 x 0.000001
           Expected{container(30, 1, 2), 0.00036, {{"vcpu", 30}, {"memory", 60}}},
           // 600 x 2 x 0.00001 + 600 x 4 x 0.000001
           Expected{container(600, 2, 4), 0.0144, {{"vcpu", 1200}, {"memory", 2400}}},
           // 0.00036 + 2 x 0.0146 + 0.5 x 0.01: no run has an allowance
           Expected{kept, 0.03456, {{"vcpu", 30}, {"memory", 60}, {"storage", 2}, {"egress", 0.5}}},
           // 6 x 0.22338
           Expected{machine("scaleway", "PRO2-S", 6 * 3600), 1.34028, {{"machine", 6}}},
           Expected{machine("scaleway", "L4-1-24G", 1800), 0.39375, {{"machine", 0.5}}},
           Expected{machine("slurm", "main", 3600), 0, {{"vcpu", 14'400}, {"memory", 28'800}}},
           Expected{machine("local", "", 10), 0, {{"vcpu", 40}, {"memory", 80}}},
           Expected{{std::string(model::kLocal), 30, 1, 2}, 0, {{"vcpu", 30}, {"memory", 60}}},
       }) {
    const Cost cost = run_cost(prices(), expected.usage);
    EXPECT_EQ(cost.eur, expected.eur);
    EXPECT_TRUE(cost.complete);
    EXPECT_EQ(cost.allowances, Allowances::left_out);
    ASSERT_EQ(cost.components.size(), expected.parts.size());
    for (std::size_t i = 0; i < expected.parts.size(); ++i) {
      EXPECT_EQ(cost.components[i].name, expected.parts[i].first);
      EXPECT_EQ(cost.components[i].quantity, expected.parts[i].second);
      EXPECT_EQ(cost.components[i].free, 0);
    }
  }
}

TEST(RunCost, SaysOfWhenItsPricesAre) {
  EXPECT_EQ(run_cost(prices(), container(1, 1, 1)).prices_of, "2025-04");
  Usage kept = machine("scaleway", "PRO2-S", 3600);
  EXPECT_EQ(run_cost(prices(), kept).prices_of, "2026-07");
  kept.stored_bytes = 1;  // 2025-04 is the older
  EXPECT_EQ(run_cost(prices(), kept).prices_of, "2025-04");
}

TEST(RunCost, WhatHasNoKnownPrice_HasNoFigure_AndTheSumIsNotComplete) {
  for (const Usage& usage : {machine("openstack", "b3-8", 3600), machine("scaleway", "NEW-1", 3600),
                             machine("elsewhere", "x", 3600)}) {
    const Cost cost = run_cost(prices(), usage);
    EXPECT_FALSE(cost.complete) << usage.type;
    EXPECT_EQ(cost.eur, 0);
    EXPECT_EQ(cost.prices_of, "");
    ASSERT_NE(component(cost, "machine"), nullptr) << usage.type;
    EXPECT_EQ(component(cost, "machine")->quantity, 1);
    EXPECT_FALSE(component(cost, "machine")->eur);
    EXPECT_FALSE(component(cost, "machine")->eur_each);
  }
  Usage kept = machine("openstack", "b3-8", 3600);
  kept.stored_bytes = 1'000'000'000;
  EXPECT_EQ(run_cost(prices(), kept).eur, 0.0146);
  EXPECT_FALSE(run_cost(prices(), kept).complete);
}

TEST(RunCost, UsageIsWhatWasAllocated_FromTheOrderToTheEnd) {
  model::Usage used;
  used.setup_us = 500'000;
  used.wall_us = 29'500'000;
  used.cpu_us = 1;             // what was used of it is not billed,
  used.peak_memory_bytes = 1;  // nor what was touched
  model::Limits limits;
  limits.cpus = 1;
  limits.memory_mb = 2048;
  const Usage usage =
      model::bill({std::string(model::kServerless), model::billed_seconds(used)}, limits);
  EXPECT_EQ(usage.backend, "serverless_container");
  EXPECT_EQ(run_cost(prices(), usage).eur, 0.00036);
}

struct Month {
  double runs;
  Allowances allowances;
  double eur;
};
// Runs of 30 s with 1 CPU and 2 GB; 1000 a day are 30 000 in a month.
TEST(MonthCost, TakesOffWhatTheAccountHasForNothing) {
  for (const Month& month : {
           // 900 000 x 0.00001 + 1 800 000 x 0.000001
           Month{30'000, Allowances::left_out, 10.8},
           // (900 000 - 200 000) x 0.00001 + (1 800 000 - 400 000) x 0.000001
           Month{30'000, Allowances::counted, 8.4},
           // 30 000 vCPU-s and 60 000 GB-s are within what is free
           Month{1000, Allowances::counted, 0},
           Month{1000, Allowances::left_out, 0.36},
           // 210 000 vCPU-s: 10 000 of them are billed; 420 000 GB-s: 20 000
           Month{7000, Allowances::counted, 0.12},
           Month{0, Allowances::counted, 0},
       }) {
    const Cost cost = month_cost(prices(), {{container(30, 1, 2), month.runs}}, month.allowances);
    EXPECT_EQ(cost.eur, month.eur) << month.runs;
    EXPECT_EQ(cost.allowances, month.allowances);
  }
}

TEST(MonthCost, SaysWhatIsFree) {
  const Cost cost = month_cost(prices(), {{container(30, 1, 2), 30'000}}, Allowances::counted);
  EXPECT_EQ(component(cost, "vcpu")->quantity, 900'000);
  EXPECT_EQ(component(cost, "vcpu")->free, 200'000);
  EXPECT_EQ(component(cost, "memory")->free, 400'000);
  const Cost small = month_cost(prices(), {{container(30, 1, 2), 1000}}, Allowances::counted);
  EXPECT_EQ(component(small, "vcpu")->free, 30'000);
}

TEST(MonthCost, AnAllowanceIsTakenOffOnceHoweverManyLoadsThereAre) {
  const std::vector<Load> loads = {{container(30, 1, 2), 15'000},
                                   {container(30, 1, 2), 15'000},
                                   {machine("scaleway", "PRO2-S", 3600), 10}};
  const Cost cost = month_cost(prices(), loads, Allowances::counted);
  EXPECT_EQ(cost.eur, 8.4 + 2.2338);
  ASSERT_EQ(cost.components.size(), 3u);
}

TEST(MonthCost, EgressIsFreeUpTo75Gb) {
  Usage usage{std::string(model::kLocal)};
  usage.egress_bytes = 1'000'000'000;
  EXPECT_EQ(month_cost(prices(), {{usage, 75}}, Allowances::counted).eur, 0);
  EXPECT_EQ(month_cost(prices(), {{usage, 100}}, Allowances::counted).eur, 0.25);
  EXPECT_EQ(month_cost(prices(), {{usage, 100}}, Allowances::left_out).eur, 1);
}

struct Wanted {
  MachineNeed need;
  const char* type;  // "" for none
};
TEST(Cheapest, IsTheMachineOfTheLowestPriceThatHasItAndMoreMemory) {
  for (const Wanted& wanted : {
           Wanted{{"scaleway", 1, 1, 0}, "DEV1-S"},
           Wanted{{"scaleway", 1, 2, 0}, "DEV1-M"},  // DEV1-S has 2 GB, and its system needs some
           Wanted{{"scaleway", 4, 4, 0}, "DEV1-L"}, Wanted{{"scaleway", 8, 16, 0}, "GP1-S"},
           Wanted{{"scaleway", 1, 1, 1}, "L4-1-24G"}, Wanted{{"scaleway", 1, 1, 2}, "L4-2-24G"},
           Wanted{{"scaleway", 100, 1, 0}, ""},
           Wanted{{"openstack", 1, 1, 0}, ""},  // no price is known
       }) {
    const Machine* const found = cheapest(prices(), wanted.need);
    EXPECT_EQ(found == nullptr ? "" : found->type, wanted.type);
  }
}

TEST(Containers, HaveLimits) {
  EXPECT_TRUE(fits_a_container(container(3600, 6, 11.9)));
  EXPECT_FALSE(fits_a_container(container(3601, 1, 1)));
  EXPECT_FALSE(fits_a_container(container(1, 6.1, 1)));
  EXPECT_FALSE(fits_a_container(container(1, 1, 12)));
}

}  // namespace
}  // namespace mecapy::cost
