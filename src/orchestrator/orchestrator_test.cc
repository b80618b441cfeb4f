#include "orchestrator/orchestrator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/utf8.h"
#include "orchestrator/test_house.h"
#include "wire/workflow_json.h"

namespace mecapy::orchestrator {
namespace {

using model::NodeStatus;
using model::WorkflowStatus;

// A list whose elements below zero fail, the chain behind one of its results, and a node beside.
std::string definition(const std::string& task, const std::string& on_error) {
  const std::string node = R"({"task": ")" + task + R"(", )";
  return R"({"inputs": {"list": {}, "x": {"default": 4}}, "nodes": {)"
         R"("first": )" +
         node +
         R"("inputs": {"a": {"input": "x"}}},)"
         R"("each": )" +
         node +
         R"("inputs": {"a": {"element": ""}}, "for_each": {"input": "list"},)"
         R"("attempts": 2, "on_error": )" +
         on_error +
         R"(},)"
         R"("second": )" +
         node +
         R"("inputs": {"a": {"node": "first", "at": "/n"},)"
         R"("all": {"node": "each", "at": "/n"}}}},)"
         R"("outputs": {"n": {"node": "second", "at": "/n"}, "all": {"node": "each", "at": "/n"}}})";
}

struct Ended {
  model::WorkflowRun run;
  // Of (node, element): the runs that there are.
  std::map<std::pair<int, int>, int> runs{};
};

// To its end; with kills between any two things that the process does.
Ended played(House& house, const std::string& on_error, const std::string& list, bool kills,
             bool cancels = false) {
  const auto id = house.begin(definition(house.task(), on_error), R"({"list": )" + list + "}");
  for (int i = 0; i < 3000; ++i) {
    house.go_on(house.one_in(4) ? 30 : 1);
    if (kills && house.killed() < 25 && house.one_in(3)) house.kill();
    if (house.one_in(2)) house.calculate_one();
    if (cancels && house.one_in(30)) house.cancel(id);
    if (i % 4 == 0 && model::is_end(house.get(id).state.status)) break;
  }
  Ended ended{house.get(id)};
  for (int node = 0; node < 3; ++node) {
    for (const auto& one :
         base::await(house.store().workflows().element_runs(id, node, -1, 100)).value()) {
      ended.runs[{node, one.element}] = 1;
    }
  }
  const auto all = base::await(house.store().list_runs("ann", {}, {"", 200})).value();
  ended.runs[{-1, -1}] = static_cast<int>(all.items.size());
  return ended;
}

constexpr int kRounds = 12;

// Before the disk has it, and the feed tells it.
TEST(Orchestrator, TheEndOfARun_IsSeenOnceTheStoreHasIt) {
  House house(17);
  house.tell_early_only();
  const Ended ended = played(house, R"("fail")", "[5, 6]", false);
  EXPECT_EQ(ended.run.state.status, WorkflowStatus::completed);
  EXPECT_EQ(ended.run.result.inline_bytes, R"({"n":6,"all":[6,7]})");
}

TEST(Orchestrator, AWorkflow_RunsEachCalculationOnce_WhereverItIsKilled) {
  int killed = 0;
  for (std::uint32_t seed = 1; seed <= kRounds; ++seed) {
    SCOPED_TRACE(seed);
    House house(seed);
    const Ended ended = played(house, R"("fail")", "[5, 6, 7, 8, 9]", true);
    killed += house.killed();
    ASSERT_EQ(ended.run.state.status, WorkflowStatus::completed);
    EXPECT_EQ(ended.run.result.inline_bytes, R"({"n":6,"all":[6,7,8,9,10]})");
    EXPECT_EQ(ended.runs.at({-1, -1}), 7);
    EXPECT_EQ(ended.runs.size(), 8U);
    for (const model::NodeRecord& node : ended.run.nodes) {
      EXPECT_TRUE(node.started_at && node.finished_at && !node.error);
    }
  }
  EXPECT_GT(killed, 5 * kRounds);
}

TEST(Orchestrator, Failures_AreTriedAgainAndKeptApart_WhereverItIsKilled) {
  for (std::uint32_t seed = 100; seed < 100 + kRounds; ++seed) {
    SCOPED_TRACE(seed);
    House house(seed);
    const Ended ended = played(house, R"("skip")", "[5, -1, 7, -2]", true);
    ASSERT_EQ(ended.run.state.status, WorkflowStatus::completed);
    EXPECT_EQ(ended.run.result.inline_bytes, R"({"n":6,"all":[6,8]})");
    EXPECT_EQ(ended.run.state.nodes[1].failed, 2U);
    EXPECT_EQ(ended.runs.at({-1, -1}), 2 + 2 + 2 * 2);
    ASSERT_TRUE(ended.run.nodes[1].error);
    EXPECT_EQ(ended.run.nodes[1].error->code, "user_error");
    EXPECT_TRUE(ended.run.nodes[1].error->element == 1U || ended.run.nodes[1].error->element == 3U);
  }
}

TEST(Orchestrator, ADefault_StandsInForAnElement) {
  House house(7);
  const Ended ended = played(house, R"("default", "default": {"n": 0.50})", "[-1, 1]", false);
  ASSERT_EQ(ended.run.state.status, WorkflowStatus::completed);
  EXPECT_EQ(ended.run.result.inline_bytes, R"({"n":6,"all":[0.50,2]})");
}

TEST(Orchestrator, AFailure_IsNamed_AndNothingBeginsAfterIt) {
  House house(8);
  const Ended ended = played(house, R"("fail")", "[1, -1]", true);
  ASSERT_EQ(ended.run.state.status, WorkflowStatus::failed);
  EXPECT_EQ(ended.run.failed_node, "each");
  EXPECT_EQ(ended.run.error->message, "negative");
  EXPECT_EQ(ended.run.error->element, 1U);
  EXPECT_FALSE(ended.run.error->run_id.empty());
  EXPECT_EQ(ended.run.state.nodes[2].status, NodeStatus::waiting);
  EXPECT_FALSE(ended.runs.contains({2, 0}));
}

TEST(Orchestrator, WhatIsNoList_IsAFailureOfItsNode) {
  House house(9);
  const Ended ended = played(house, R"("fail")", R"({"no": "list"})", false);
  ASSERT_EQ(ended.run.state.status, WorkflowStatus::failed);
  EXPECT_EQ(ended.run.error->code, "invalid_inputs");
  EXPECT_EQ(ended.run.error->message, "`for_each` is no list");
}

TEST(Orchestrator, ACancel_EndsAllOfIt_WhereverItIsKilled) {
  int cancelled = 0;
  for (std::uint32_t seed = 200; seed < 200 + kRounds; ++seed) {
    SCOPED_TRACE(seed);
    House house(seed);
    const Ended ended = played(house, R"("fail")", "[1, 2, 3, 4, 5, 6, 7, 8]", true, true);
    ASSERT_TRUE(model::is_end(ended.run.state.status));
    if (ended.run.state.status != WorkflowStatus::cancelled) continue;
    ++cancelled;
    const auto runs = base::await(house.store().list_runs("ann", {}, {"", 200})).value();
    for (const model::Run& run : runs.items) EXPECT_TRUE(model::is_end(run.status));
  }
  EXPECT_GT(cancelled, kRounds / 4);
}

TEST(Orchestrator, ACancel_ThatACrashInterrupted_StopsTheRunsAllTheSame) {
  House house(12);
  const auto id = house.begin(definition(house.task(), R"("fail")"), R"({"list": [1, 2, 3]})");
  const auto goes_on_until = [&](auto reached) {
    for (int i = 0; i < 1000 && !reached(); ++i) house.go_on(1);
    ASSERT_TRUE(reached());
  };
  goes_on_until([&] { return house.open_runs() == 2; });
  house.cancel(id);
  goes_on_until([&] { return house.get(id).state.status == WorkflowStatus::cancelling; });
  house.kill();
  goes_on_until([&] { return house.stopped().size() == 2; });
}

TEST(Orchestrator, EndsThatNobodyTold_AreSeenInTheStore) {
  House house(13);
  house.silence();
  const Ended ended = played(house, R"("fail")", "[1, 2, 3]", false);
  EXPECT_EQ(ended.run.state.status, WorkflowStatus::completed);
}

// Also where it is taken up before the ends of what was reused are known.
TEST(Orchestrator, WhatEarlierRunsAnswer_IsTheSame_WhereverItIsKilled) {
  for (std::uint32_t seed = 1; seed <= kRounds; ++seed) {
    SCOPED_TRACE(seed);
    House house(seed);
    house.reuse();
    ASSERT_EQ(played(house, R"("fail")", "[5, 6, 7]", false).run.state.status,
              WorkflowStatus::completed);
    const Ended again = played(house, R"("fail")", "[5, 6, 7]", true);
    ASSERT_EQ(again.run.state.status, WorkflowStatus::completed);
    EXPECT_EQ(again.run.result.inline_bytes, R"({"n":6,"all":[6,7,8]})");
    EXPECT_EQ(again.run.nodes[1].reused, 3U);
  }
}

TEST(Orchestrator, AnEarlierRunThatIsGone_IsCalculatedInstead) {
  House house(14);
  house.lose_earlier_runs();
  const Ended ended = played(house, R"("fail")", "[5, 6]", false);
  ASSERT_EQ(ended.run.state.status, WorkflowStatus::completed);
  EXPECT_EQ(ended.run.result.inline_bytes, R"({"n":6,"all":[6,7]})");
  EXPECT_EQ(ended.run.nodes[1].reused, 0U);
}

// A message is cut between characters: PostgreSQL takes no half ones.
TEST(Orchestrator, WhatAValueSays_IsCutBetweenCharacters) {
  House house(15);
  const std::string text = R"({"inputs": {"w": {}}, "nodes": {"k": {"task": ")" + house.task() +
                           R"(", "inputs": {"a": {"value": 1}}, "when": {"input": "w"}}},)"
                           R"("outputs": {"n": {"node": "k", "at": "/n"}}})";
  std::string word(37, 'a');
  for (int i = 0; i < 10; ++i) word += "\xe2\x82\xac";
  const auto id = house.begin(text, R"({"w": ")" + word + R"("})");
  for (int i = 0; i < 1000 && !model::is_end(house.get(id).state.status); ++i) house.go_on(1);
  const model::WorkflowRun run = house.get(id);
  ASSERT_TRUE(run.error);
  EXPECT_NE(run.error->message.find("but \"aaa"), std::string::npos) << run.error->message;
  EXPECT_EQ(run.error->message, base::one_line(run.error->message, 1000));
}

// However many workflow runs a user has, his runs are no more than his share; and all of them come
// to their turn.
TEST(Orchestrator, ManyWorkflows_TakeTurnsInTheirUsersShare) {
  House house(11);
  std::vector<model::WorkflowRunId> ids;
  for (int i = 0; i < 9; ++i) {
    ids.push_back(house.begin(definition(house.task(), R"("fail")"), R"({"list": [1, 2, 3, 4]})"));
  }
  std::size_t most = 0;
  std::size_t ended = 0;
  std::size_t begun_when_first_ended = 0;
  for (int i = 0; i < 6000 && ended < ids.size(); ++i) {
    house.go_on(30);
    most = std::max(most, house.open_runs());
    house.calculate_one();
    ended = 0;
    std::size_t begun = 0;
    for (const auto& id : ids) {
      const model::WorkflowRun run = house.get(id);
      if (model::is_end(run.state.status)) ++ended;
      if (run.state.nodes[0].begun + run.state.nodes[1].begun > 0) ++begun;
    }
    if (ended > 0 && begun_when_first_ended == 0) begun_when_first_ended = begun;
  }
  EXPECT_EQ(ended, ids.size());
  EXPECT_EQ(most, 4U);  // twice what the backends take
  EXPECT_EQ(begun_when_first_ended, ids.size());
}

// Of a long list a piece is held at a time; killed anywhere, it is gone through all the same.
TEST(Orchestrator, ALongList_IsNotHeld) {
  House house(16);
  const std::string pad(50'000, 'x');
  std::string list = "[";
  std::string all;
  for (int i = 0; i < 80; ++i) {
    list += (i == 0 ? "" : ",") + ("{\"a\":" + std::to_string(i) + ",\"pad\":\"" + pad + "\"}");
    all += (i == 0 ? "" : ",") + std::to_string(i + 1);
  }
  const std::string text = R"({"inputs": {"list": {}}, "nodes": {"each": {"task": ")" +
                           house.task() +
                           R"(", "inputs": {"a": {"element": "/a"}},)"
                           R"("for_each": {"input": "list"}}},)"
                           R"("outputs": {"all": {"node": "each", "at": "/n"}}})";
  const auto id = house.begin(text, R"({"list": )" + list + "]}");
  std::size_t held = 0;  // once the list is cut
  for (int i = 0; i < 3000 && !model::is_end(house.get(id).state.status); ++i) {
    house.go_on(20);
    house.calculate_one();
    if (i % 50 != 25) continue;
    held = std::max(held, house.held().bytes());
    house.kill();
  }
  EXPECT_EQ(house.get(id).result.inline_bytes, R"({"all":[)" + all + "]}");
  EXPECT_GT(house.killed(), 0);
  EXPECT_GT(held, 100'000U);
  EXPECT_LT(held, list.size() / 2);
}

// Of many lists at once no more is held than there is room for; all are done all the same.
TEST(Orchestrator, WhatAllHold_IsBounded) {
  constexpr std::size_t kMost = 600'000;
  constexpr int kRuns = 5;
  House house(10, kMost);
  const std::string pad(100'000, 'x');
  std::string list = "[";
  for (int i = 0; i < 3; ++i) list += (i == 0 ? "" : ",") + ("{\"pad\":\"" + pad + "\"}");
  const std::string node = R"({"task": ")" + house.task() + R"(", )";
  const std::string text = R"({"inputs": {"list": {}}, "nodes": {"each": )" + node +
                           R"("inputs": {"a": {"value": 1}, "pad": {"element": "/pad"}},)"
                           R"("for_each": {"input": "list"}}},)"
                           R"("outputs": {"all": {"node": "each", "at": "/n"}}})";
  std::vector<model::WorkflowRunId> ids;
  for (int i = 0; i < kRuns; ++i) ids.push_back(house.begin(text, R"({"list": )" + list + "]}"));
  std::size_t ended = 0;
  std::size_t peak = 0;
  for (int i = 0; i < 3000 && ended < ids.size(); ++i) {
    house.go_on(20);
    house.calculate_one();
    peak = std::max(peak, house.held().peak());
    ended = static_cast<std::size_t>(std::ranges::count_if(
        ids, [&](const auto& id) { return model::is_end(house.get(id).state.status); }));
  }
  ASSERT_EQ(ended, ids.size());
  for (const auto& id : ids) {
    EXPECT_EQ(house.get(id).result.inline_bytes, R"({"all":[2,2,2]})");
  }
  EXPECT_GT(peak, kMost / 2);
  EXPECT_LE(peak, kMost + kRuns * 64 * 1024);
  EXPECT_EQ(house.held().bytes(), 0U);
}

}  // namespace
}  // namespace mecapy::orchestrator
