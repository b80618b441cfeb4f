#include "workflow/resume.h"

#include <gtest/gtest.h>

namespace mecapy::workflow {
namespace {

using model::NodeStatus;

// a -> b -> c, of which a is completed, b failed and c was not reached.
model::Workflow chain() {
  model::Workflow chain;
  chain.nodes = {
      {.name = "a", .task = "t"},
      {.name = "b", .task = "t", .inputs = {{"x", model::FromNode{"a", ""}}}},
      {.name = "c", .task = "t", .inputs = {{"x", model::FromNode{"b", ""}}}},
  };
  chain.outputs = {{"c", model::FromNode{"c", ""}}};
  return chain;
}

model::WorkflowRun failed() {
  model::WorkflowRun run;
  run.state.status = model::WorkflowStatus::failed;
  run.state.nodes.resize(3);
  run.state.nodes[0] = {NodeStatus::completed, 1, 1, 0, {}, false};
  run.state.nodes[1] = {NodeStatus::failed, 1, 1, 1, {}, false};
  run.nodes.resize(3);
  for (model::NodeRecord& node : run.nodes) {
    node.task_id = model::TaskId::make();
    node.version = 1;
    node.run_id = model::RunId::make();
  }
  run.nodes[1].error = model::NodeError{"user_error", "no such bolt"};
  run.attempt = 2;
  return run;
}

std::vector<NodeStatus> statuses(const model::WorkflowRun& run) {
  std::vector<NodeStatus> all;
  for (const model::NodeState& node : run.state.nodes) all.push_back(node.status);
  return all;
}

std::vector<int> fresh_since(const model::WorkflowRun& run) {
  std::vector<int> all;
  for (const model::NodeRecord& node : run.nodes) all.push_back(node.fresh_since);
  return all;
}

TEST(Resume, KeepsWhatIsCompleted_AndForgetsTheRest) {
  const model::WorkflowRun ended = failed();
  const model::WorkflowRun run = resumed(ended, chain(), {});
  EXPECT_EQ(statuses(run),
            (std::vector{NodeStatus::completed, NodeStatus::waiting, NodeStatus::waiting}));
  EXPECT_EQ(run.nodes[0].run_id, ended.nodes[0].run_id);
  EXPECT_TRUE(run.nodes[1].run_id.empty());
  EXPECT_FALSE(run.nodes[1].error);
  EXPECT_EQ(run.nodes[1].task_id, ended.nodes[1].task_id);
  EXPECT_EQ(run.attempt, 3);
  EXPECT_EQ(run.state.status, model::WorkflowStatus::running);
}

TEST(Resume, BeginsWithWhatIsForcedOrHasAnotherVersion) {
  const auto all = std::vector(3, NodeStatus::waiting);
  const model::WorkflowRun forced = resumed(failed(), chain(), {{}, {0}});
  EXPECT_EQ(statuses(forced), all);
  EXPECT_EQ(fresh_since(forced), (std::vector{3, 0, 0}));
  const model::WorkflowRun changed = resumed(failed(), chain(), {{{0, 2}, {1, 1}}, {}});
  EXPECT_EQ(statuses(changed), all);
  EXPECT_EQ(changed.nodes[0].version, 2);
  EXPECT_EQ(resumed(failed(), chain(), {{{0, 1}}, {}}).state.nodes[0].status,
            NodeStatus::completed);
}

TEST(Resume, WhatWasForced_IsAnsweredByItsOwnRunsSince) {
  model::WorkflowRun ended = failed();
  ended.nodes[0].fresh_since = 1;
  ended.nodes[2].fresh_since = 2;
  EXPECT_EQ(fresh_since(resumed(ended, chain(), {})), (std::vector{1, 0, 2}))
      << "what stays as it is stays so";
  EXPECT_EQ(fresh_since(resumed(ended, chain(), {{{0, 2}}, {}})), (std::vector{1, 0, 2}))
      << "what is begun anew as well";
  EXPECT_EQ(fresh_since(resumed(ended, chain(), {{}, {2}})), (std::vector{1, 0, 3}));
}

}  // namespace
}  // namespace mecapy::workflow
