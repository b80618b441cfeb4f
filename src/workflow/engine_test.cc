#include "workflow/engine.h"

#include <gtest/gtest.h>

#include <string>

namespace mecapy::workflow {
namespace {

// "read 0, begin 1 [0,2), cancel, finish failed"
std::string text(const std::vector<Action>& actions) {
  std::string all;
  for (const Action& action : actions) {
    if (!all.empty()) all += ", ";
    if (const auto* read = std::get_if<ReadNode>(&action)) {
      all += "read " + std::to_string(read->node);
    } else if (const auto* runs = std::get_if<BeginRuns>(&action)) {
      all += "begin " + std::to_string(runs->node) + " [" + std::to_string(runs->first) + "," +
             std::to_string(runs->first + runs->count) + ")";
    } else if (std::holds_alternative<CancelRuns>(action)) {
      all += "cancel";
    } else {
      const Status status = std::get<Finish>(action).status;
      all += status == Status::completed ? "completed"
             : status == Status::failed  ? "failed"
                                         : "cancelled";
    }
  }
  return all;
}

// a, b that needs a, c that needs b.
model::Workflow chain() {
  return {.inputs = {},
          .nodes = {{.name = "a", .task = "t"},
                    {.name = "b", .task = "t", .inputs = {{"x", model::FromNode{"a", ""}}}},
                    {.name = "c", .task = "t", .inputs = {{"x", model::FromNode{"b", ""}}}}},
          .outputs = {{"y", model::FromNode{"c", ""}}}};
}

class Played {
 public:
  explicit Played(const model::Workflow& definition, std::size_t width = 8)
      : plan(definition), state(plan.start()), width_(width) {}
  std::string operator()(const Event& event) { return text(plan.step(state, event, width_)); }

  Plan plan;
  State state;

 private:
  std::size_t width_;
};

TEST(Engine, AChain_GoesNodeByNode) {
  Played played(chain());
  EXPECT_EQ(played(Begun{}), "read 0");
  EXPECT_EQ(played(Read{0, 1}), "begin 0 [0,1)");
  EXPECT_EQ(played(Ended{0, 0}), "read 1");
  EXPECT_EQ(played(Read{1, 1}), "begin 1 [0,1)");
  EXPECT_EQ(played(Ended{1, 0}), "read 2");
  EXPECT_EQ(played(Read{2, 1}), "begin 2 [0,1)");
  EXPECT_EQ(played(Ended{2, 0}), "completed");
  EXPECT_EQ(played(Ended{2, 0}), "");
  EXPECT_EQ(played(CancelAsked{}), "");
}

TEST(Engine, ALongList_IsBegunAsThereIsRoom) {
  model::Workflow definition = chain();
  definition.nodes[0].each = model::Constant{"[]"};
  Played played(definition, 2);
  played(Begun{});
  EXPECT_EQ(played(Read{0, 4}), "begin 0 [0,2)");
  EXPECT_EQ(played(Ended{0, 1}), "begin 0 [2,3)");
  EXPECT_EQ(played(Ended{0, 1}), "") << "it comes twice";
  EXPECT_EQ(text(played.plan.again(played.state)), "begin 0 [0,1), begin 0 [2,3)");
  EXPECT_EQ(played(Ended{0, 0}), "begin 0 [3,4)");
  EXPECT_EQ(played(Ended{0, 2}), "");
  EXPECT_EQ(played(Ended{0, 3}), "read 1");
}

TEST(Engine, AnEmptyList_IsCompletedAtOnce) {
  model::Workflow definition = chain();
  definition.nodes[0].each = model::Constant{"[]"};
  Played played(definition);
  played(Begun{});
  EXPECT_EQ(played(Read{0, 0}), "read 1");
}

TEST(Engine, WhatIsNotWanted_IsSkippedWithAllThatNeedsIt) {
  Played played(chain());
  played(Begun{});
  EXPECT_EQ(played(NotWanted{0}), "completed");
  for (const NodeState& node : played.state.nodes) EXPECT_EQ(node.status, NodeStatus::skipped);
}

TEST(Engine, AFailure_EndsSkipsOrIsReplaced) {
  for (const auto& [on_error, then] : {std::pair(model::OnError::fail, "failed"),
                                       {model::OnError::skip, "completed"},
                                       {model::OnError::by_default, "read 1"}}) {
    model::Workflow definition = chain();
    definition.nodes[0].on_error = on_error;
    Played run(definition);
    run(Begun{});
    run(Read{0, 1});
    EXPECT_EQ(run(Ended{0, 0, true}), then);
    Played unread(definition);
    unread(Begun{});
    EXPECT_EQ(unread(Unreadable{0}), then);
  }
}

TEST(Engine, AfterAFailure_WhatRunsEnds_AndNothingBegins) {
  model::Workflow definition = chain();
  definition.nodes[1].inputs.clear();
  definition.nodes[1].each = model::Constant{"[]"};
  Played played(definition, 3);
  EXPECT_EQ(played(Begun{}), "read 0, read 1");
  EXPECT_EQ(played(Read{0, 1}), "begin 0 [0,1)");
  EXPECT_EQ(played(Read{1, 5}), "begin 1 [0,2)");
  EXPECT_EQ(played(Ended{0, 0, true}), "");
  EXPECT_EQ(played(Ended{1, 0}), "");
  EXPECT_EQ(played(Ended{1, 1}), "failed");
  EXPECT_EQ(played.state.nodes[1].status, NodeStatus::waiting);
}

TEST(Engine, FailuresOfAList_AreKeptApart) {
  model::Workflow definition = chain();
  definition.nodes[0].each = model::Constant{"[]"};
  definition.nodes[0].on_error = model::OnError::skip;
  Played played(definition);
  played(Begun{});
  played(Read{0, 3});
  EXPECT_EQ(played(Ended{0, 1, true}), "");
  EXPECT_EQ(played(Ended{0, 0}), "");
  EXPECT_EQ(played(Ended{0, 2, true}), "read 1");
  EXPECT_EQ(played.state.nodes[0].failed, 2U);
}

TEST(Engine, ACancel_WaitsForWhatRuns) {
  Played played(chain());
  played(Begun{});
  played(Read{0, 1});
  EXPECT_EQ(played(CancelAsked{}), "cancel");
  EXPECT_EQ(played(CancelAsked{}), "");
  EXPECT_EQ(text(played.plan.again(played.state)), "begin 0 [0,1), cancel");
  EXPECT_EQ(played(Ended{0, 0, true}), "cancelled");
  Played idle(chain());
  idle(Begun{});
  EXPECT_EQ(idle(CancelAsked{}), "cancelled");
  EXPECT_EQ(idle(Read{0, 1}), "");
}

TEST(Engine, AResumedOne_KeepsWhatIsCompleted_ButForWhatChanged) {
  Played played(chain());
  played(Begun{});
  played(Read{0, 1});
  played(Ended{0, 0});
  played(Read{1, 1});
  EXPECT_EQ(played(Ended{1, 0, true}), "failed");
  State state = played.plan.resumed(played.state, {});
  EXPECT_EQ(text(played.plan.step(state, Begun{}, 8)), "read 1");
  state = played.plan.resumed(played.state, {0});
  EXPECT_EQ(text(played.plan.step(state, Begun{}, 8)), "read 0");
}

}  // namespace
}  // namespace mecapy::workflow
