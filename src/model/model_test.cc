#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "model/limits.h"
#include "model/outcome.h"
#include "model/run.h"

namespace mecapy::model {
namespace {

TEST(Limits, DefaultsFitTheirOwnCeilings) {
  EXPECT_TRUE(check_limits(Limits{}, default_ceilings()));
}

TEST(Limits, EachOneOverItsCeilingIsNamedWithTheCeiling) {
  for (const LimitRow& row : limit_table()) {
    Limits limits;
    limits.*row.field = row.ceiling + 1;
    const auto result = check_limits(limits, default_ceilings());
    ASSERT_FALSE(result) << row.name;
    ASSERT_EQ(result.error().problems.size(), 1u) << row.name;
    EXPECT_EQ(result.error().problems[0].pointer, "/limits/" + std::string(row.name));
    EXPECT_NE(result.error().problems[0].detail.find("ceiling"), std::string::npos);
  }
}

TEST(Limits, NotANumberFractionsAndTooLittleAreRefused) {
  Limits limits;
  limits.timeout_s = std::numeric_limits<double>::quiet_NaN();
  limits.processes = 1.5;
  limits.memory_mb = 1;
  const auto result = check_limits(limits, default_ceilings());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().problems.size(), 3u);
}

TEST(Outcomes, TableIsCompleteAndExitStatusesAreDistinct) {
  std::set<int> statuses;
  for (std::size_t i = 0; i < outcome_table().size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(outcome_table()[i].code), i);
    EXPECT_TRUE(statuses.insert(outcome_table()[i].exit_code).second);
    EXPECT_EQ(parse_outcome(outcome_table()[i].name), outcome_table()[i].code);
  }
  EXPECT_EQ(outcome_table().size(), static_cast<std::size_t>(OutcomeCode::internal) + 1);
  EXPECT_FALSE(parse_outcome("exit 137"));
}

TEST(ArtifactName, AcceptsPathsBelowAFolderOnly) {
  for (const std::string good : {"plot.png", "a/b/c.csv", "figure 1.svg", "x_-.9",
                                 "é/contrainte σ (MPa).csv", "50% [a]#1&2.txt"}) {
    EXPECT_TRUE(is_artifact_name(good)) << good;
  }
  for (const std::string bad : {"", "/etc/passwd", "../x", "a/../b", "a//b", ".hidden", "a/.b",
                                "a\nb", "a\"b", "a/", " a", "a ", "a/ b", "a\\b", "c:d", "a?"}) {
    EXPECT_FALSE(is_artifact_name(bad)) << bad;
  }
  EXPECT_TRUE(is_artifact_name(std::string(200, 'a')));
  EXPECT_FALSE(is_artifact_name(std::string(201, 'a')));
  EXPECT_FALSE(is_artifact_name(std::string("a\0b", 3)));
}

}  // namespace
}  // namespace mecapy::model
