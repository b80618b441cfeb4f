#include "cost/seed.h"

#include <gtest/gtest.h>

namespace mecapy::cost {
namespace {

Prices shipped() { return load_prices("").value(); }

std::vector<std::string> words(const Phase& phase) {
  std::vector<std::string> out;
  for (const Line& line : phase.lines) {
    out.push_back(line.service + ": " + euros(line.seed) + " -> " + euros(line.now) +
                  (line.known ? "" : " (the seed's)"));
  }
  out.push_back(euros(phase.seed_sum) + " -> " + euros(phase.now_sum));
  return out;
}

// Containers: 100 h are 360 000 vCPU-s and 720 000 GB-s; less what is free 160 000 and 320 000.
TEST(Seed, ItsTablesAreRecomputed) {
  const std::vector<Phase> both = phases(shipped());
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(words(both[0]),
            (std::vector<std::string>{
                "API: 7.00-10.00 -> 7.00-10.00 (the seed's)",
                "PostgreSQL: 18.00 -> 18.00 (the seed's)", "Redis: 10.00 -> 10.00 (the seed's)",
                "object storage: 0.20 -> 0.15", "containers: 5.00-15.00 -> 1.92",
                "registry: 0 -> 0.0054", "40.00-55.00 -> 37.07-40.07"}));
  EXPECT_EQ(words(both[1]), (std::vector<std::string>{
                                "API, PostgreSQL, Redis: 35.00 -> 35.00-38.00 (the seed's)",
                                "containers: 50.00-80.00 -> 40.80", "object storage: 2.00 -> 1.46",
                                "90.00-120.00 -> 77.26-80.26"}));
  EXPECT_EQ(euros(both[0].rest), "35.15-38.15");
  EXPECT_FALSE(both[0].known);
}

const Difference* about(const std::vector<Difference>& all, std::string_view what) {
  for (const Difference& one : all) {
    if (one.what.find(what) != std::string::npos) return &one;
  }
  return nullptr;
}

TEST(Seed, WhereItDiffersIsToldWithTheReason) {
  const std::vector<Difference> all = differences(shipped());
  struct Told {
    const char* what;
    const char* seed;
    const char* now;
    const char* why;
  };
  for (const Told& told : {
           Told{"memory", "0.00001 EUR a GB-s", "0.000001 EUR a GB-s", "is 10 times the price"},
           Told{"CPU", "0.000012 EUR a vCPU-s", "0.00001 EUR a vCPU-s", "is 1.2 times the price"},
           Told{"free every month", "nothing", "400 000 GB-s, 200 000 vCPU-s",
                "are 4.32 EUR without them and 1.92 with them"},
           Told{"the example", "~6 EUR",
                "0.36 EUR for 1000 runs; 8.40 for a month of 1000 a day (10.80 with nothing free)",
                "1000 runs are 0.96 EUR, and a month of 1000 a day is 28.80"},
           Told{"at 1000 runs a day", "100 h", "250 h", "8.40 EUR instead of 1.92"},
           Told{"at 10 000 runs a day", "1000 h", "2500 h", "105.60 EUR instead of 40.80"},
           Told{"containers of phase 2", "50-80", "40.80", "1000 h are 115.20 EUR"},
           Told{"sum of phase 1", "40.00-55.00", "37.07-40.07", "rows are 40.20-53.20 EUR"},
           Told{"sum of phase 2", "90.00-120.00", "77.26-80.26", "rows are 87.00-117.00 EUR"},
           Told{"an hour of a machine with a GPU", "~0.5 EUR", "0.7875 EUR an hour (L4-1-24G)",
                "1.58 times the seed's figure"},
           Told{"machines on demand", "20.00-50.00", "25-63 h of L4-1-24G, or ",
                "cannot be recomputed"},
           Told{"object storage", "0.02", "0.0146", "1.37 times"},
           Told{"registry", "free", "0.027", "public images"},
           Told{"unknown", "35", "35-38",
                "api.clever-cloud-nano, postgresql.DB-DEV-S, redis.RED1-micro"},
       }) {
    const Difference* const one = about(all, told.what);
    ASSERT_NE(one, nullptr) << told.what;
    EXPECT_NE(one->seed.find(told.seed), std::string::npos) << one->seed;
    EXPECT_NE(one->now.find(told.now), std::string::npos) << one->now;
    EXPECT_NE(one->why.find(told.why), std::string::npos) << one->why;
  }
}

TEST(Seed, WhatTheOperatorsPricesMakeEqual_IsNoDifference) {
  const auto own = with_rows(shipped(), R"(price = [
{item = "serverless.memory", unit = "GB-s", eur = 0.00001, source = "s", date = "2026-12"},
{item = "serverless.vcpu", unit = "vCPU-s", eur = 0.000012, source = "s", date = "2026-12"},
{item = "postgresql.DB-DEV-S", unit = "month", eur = 20, source = "s", date = "2026-12"}])",
                             "own.toml", Rows::over);
  ASSERT_TRUE(own) << own.error().message;
  const std::vector<Difference> all = differences(*own);
  EXPECT_EQ(about(all, "memory of containers"), nullptr);
  EXPECT_EQ(about(all, "CPU of containers"), nullptr);
  EXPECT_EQ(about(all, "free every month"), nullptr);
  EXPECT_EQ(about(all, "unknown")->why.find("postgresql"), std::string::npos);
  const Line database = phases(*own)[0].lines[1];
  EXPECT_TRUE(database.known);
  EXPECT_EQ(euros(database.now), "20.00");
}

TEST(Words, FiguresAreReadable) {
  EXPECT_EQ(euros(0.00036), "0.00036");
  EXPECT_EQ(euros(0.0001683), "0.000168");
  EXPECT_EQ(euros(8.4), "8.40");
  EXPECT_EQ(euros(12345.6), "12 345.60");
  EXPECT_EQ(unit_price(0.000001), "0.000001");
  EXPECT_EQ(unit_price(1), "1");
  EXPECT_EQ(amount(1000), "1000");
  EXPECT_EQ(amount(1'800'000), "1 800 000");
  EXPECT_EQ(amount(0.25), "0.25");
  EXPECT_EQ(amount(30 / 3600.0), "0.00833333");
  EXPECT_EQ(amount(12345.678), "12 345.7");
}

}  // namespace
}  // namespace mecapy::cost
