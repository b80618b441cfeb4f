#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "model/cost.h"
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

TEST(Cost, PartsOfARun_AddUpByTheirItem) {
  Cost cost{{{"vcpu", "a.vcpu", 30, "vCPU-s", 0, 0.1, 3}}, 3, true, "2026-07"};
  const Cost more{{{"vcpu", "a.vcpu", 10, "vCPU-s", 0, 0.1, 1}, {"machine", "b/new", 2, "h"}},
                  1,
                  false,
                  "2025-04"};
  add(cost, more);
  ASSERT_EQ(cost.components.size(), 2u);
  EXPECT_EQ(cost.components[0].quantity, 40);
  EXPECT_EQ(cost.components[0].eur, 4);
  EXPECT_EQ(cost.eur, 4);
  EXPECT_FALSE(cost.complete);
  EXPECT_EQ(cost.prices_of, "2025-04");
  EXPECT_EQ(unknown_prices(cost), "the price is not known of b/new");
}

TEST(Cost, EurosAreCountedWithoutTheNoiseOfFractions) {
  Cost cost;
  for (int i = 0; i < 10; ++i) add(cost, {{{"vcpu", "a", 1, "s", 0, 0.1, 0.1}}, 0.1});
  EXPECT_EQ(cost.eur, 1);
  EXPECT_EQ(cost.components[0].eur, 1);
  EXPECT_EQ(pico_euros(-1), 0);
  EXPECT_EQ(pico_euros(std::numeric_limits<double>::quiet_NaN()), 0);
  EXPECT_EQ(pico_euros(1e300), 9'000'000'000'000'000'000);
}

TEST(Outcomes, TableIsCompleteAndExitStatusesAreDistinct) {
  std::set<int> statuses;
  for (std::size_t i = 0; i < outcome_table().size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(outcome_table()[i].code), i);
    EXPECT_TRUE(statuses.insert(outcome_table()[i].exit_code).second);
    EXPECT_EQ(parse_outcome(outcome_table()[i].name), outcome_table()[i].code);
  }
  EXPECT_EQ(outcome_table().size(), kOutcomeCodes);
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

TEST(RunEnd, NamesObjectsOfItsOwnAttemptOnly) {
  const RunId run = RunId::make();
  const std::string id = run.str();
  const auto ours = [&](const std::string& result, const std::string& log,
                        const std::string& artifact, std::optional<int> attempt) {
    RunEnd end;
    end.result.key = result;
    end.log.key = log;
    if (!artifact.empty()) end.artifacts = {{"a/b.txt", 1, "", "", artifact}};
    return names_own_objects(end, run, attempt);
  };
  EXPECT_TRUE(ours("", "", "", 1));
  EXPECT_TRUE(
      ours("results/" + id + ".json", "logs/" + id + ".txt", "artifacts/" + id + "/a/b.txt", 1));
  EXPECT_TRUE(ours("results/" + id + ".2.json", "logs/" + id + ".2.txt",
                   "artifacts/" + id + ".2/a/b.txt", 2));
  EXPECT_TRUE(ours("results/" + id + ".12.json", "", "artifacts/" + id + "/a/b.txt", {}));
  const std::string other = RunId::make().str();
  EXPECT_TRUE(ours("results/" + id + "." + other + ".json", "logs/" + id + "." + other + ".txt",
                   "artifacts/" + id + "." + other + "/a/b.txt", 1));
  EXPECT_TRUE(ours("results/" + id + ".2." + other + ".json", "", "", 2));
  EXPECT_TRUE(ours("results/" + id + ".2." + other + ".json", "", "", {}));
  for (const std::string& result : {id + ".2." + other, other + "." + id, other + ".2." + id,
                                    id + ".x." + other, id + "." + other + "." + other}) {
    EXPECT_FALSE(ours("results/" + result + ".json", "", "", 1)) << result;
  }
  for (const std::string& result :
       {"results/" + other + ".json", "results/" + id + ".2.json", "results/" + id,
        "results/" + id + "/../" + other + ".json", "inputs/" + id + ".json",
        "results/../inputs/" + other + ".json", std::string("results/.json")}) {
    EXPECT_FALSE(ours(result, "", "", 1)) << result;
  }
  EXPECT_FALSE(ours("results/" + id + ".x.json", "", "", {}));
  EXPECT_FALSE(ours("results/" + id + "..json", "", "", {}));
  EXPECT_FALSE(ours("", "logs/" + id + ".json", "", 1));
  for (const std::string& artifact :
       {std::string("artifacts/") + id + "/b.txt", "artifacts/" + id + "/../../inputs/a/b.txt",
        "artifacts/" + id + "/../a/b.txt", "artifacts/" + other + "/a/b.txt",
        std::string("inputs/a/b.txt")}) {
    EXPECT_FALSE(ours("", "", artifact, 1)) << artifact;
    EXPECT_FALSE(ours("", "", artifact, {})) << artifact;
  }
}

}  // namespace
}  // namespace mecapy::model
