#include "router/estimate.h"

#include <gtest/gtest.h>

#include <random>

namespace mecapy::router {
namespace {

std::vector<std::chrono::microseconds> seconds(std::initializer_list<double> times) {
  std::vector<std::chrono::microseconds> found;
  for (const double s : times) found.emplace_back(static_cast<std::int64_t>(s * 1e6));
  return found;
}

TEST(Estimate, IsTheFirstThatIsKnown) {
  Known known;
  EXPECT_EQ(estimate(known, 600).from, "default");
  EXPECT_EQ(estimate(known, 600).seconds, 60);
  known.task_s = 300;
  EXPECT_EQ(estimate(known, 600).from, "task");
  EXPECT_EQ(estimate(known, 600).seconds, 300);
  known.history = seconds({2, 4, 3});
  EXPECT_EQ(estimate(known, 600).from, "history");
  EXPECT_EQ(estimate(known, 600).seconds, 4);
  EXPECT_EQ(estimate(known, 600).samples, 3);
  known.caller_s = 7;
  EXPECT_EQ(estimate(known, 600).from, "caller");
  EXPECT_EQ(estimate(known, 600).seconds, 7);
  EXPECT_EQ(estimate(known, 600).samples, 0);
}

TEST(Estimate, OfManyRuns_IsTheTimeThatNineteenOfTwentyDidNotExceed) {
  Known known;
  for (int i = 1; i <= 100; ++i) known.history.emplace_back(i * 1'000'000);
  std::shuffle(known.history.begin(), known.history.end(), std::mt19937(7));
  EXPECT_EQ(estimate(known, 600).seconds, 95);
  known.history.emplace_back(1'000'000'000);
  EXPECT_EQ(estimate(known, 600).seconds, 96);
}

TEST(Estimate, OfABudget_IsNotLoweredByWhoAsks) {
  const auto history = seconds({40, 40, 40, 40, 40});
  for (const double said : {0.0, 1e-320, 0.001, 39.0}) {
    EXPECT_EQ(budget_seconds({said, {}, {}, 60}, 600), 60) << said;
    EXPECT_EQ(budget_seconds({{}, {}, said, 60}, 600), 60) << said;
    EXPECT_EQ(budget_seconds({said, history, said, 60}, 600), 40) << said;
  }
  EXPECT_EQ(budget_seconds({90, history, {}, 60}, 600), 90);
  EXPECT_EQ(budget_seconds({1, history, 80, 60}, 600), 80);
  EXPECT_EQ(budget_seconds({{}, {}, {}, 60}, 600), 60);
  EXPECT_EQ(budget_seconds({0.001, {}, {}, 60}, 30), 30);
}

TEST(Estimate, IsNeverBeyondTheTimeout) {
  Known known;
  known.caller_s = 7200;
  EXPECT_EQ(estimate(known, 600).seconds, 600);
}

}  // namespace
}  // namespace mecapy::router
