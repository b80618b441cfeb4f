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

TEST(Estimate, IsNeverBeyondTheTimeout) {
  Known known;
  known.caller_s = 7200;
  EXPECT_EQ(estimate(known, 600).seconds, 600);
}

}  // namespace
}  // namespace mecapy::router
