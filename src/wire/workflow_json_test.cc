#include "wire/workflow_json.h"

#include <gtest/gtest.h>

#include <map>

#include "base/problems.h"

namespace mecapy::wire {
namespace {

constexpr std::string_view kJoint = R"({
  "name": "joint",
  "inputs": {"bolt": {}, "torque": {"default": 8e1}},
  "nodes": {
    "k": {"task": "t1", "version": 2, "inputs": {"bolt": {"input": "bolt", "at": "/size"}}},
    "p": {"task": "t2", "inputs": {"k": {"node": "k", "at": "/stiffness"}, "c": {"value": [1.0]},
                                   "d": {"element": "/d"}},
          "for_each": {"input": "bolt"}, "when": {"value": true}, "limits": {"memory_mb": 64},
          "attempts": 3, "on_error": "default", "default": null}},
  "outputs": {"margin": {"node": "p"}}})";

model::Workflow joint() {
  const auto body = read_workflow(kJoint, WorkflowUse::create, model::default_ceilings());
  return *read_definition(definition_json(body->parts, ""));
}

TEST(WorkflowJson, ADefinition_IsReadWhole) {
  const model::Workflow read = joint();
  ASSERT_EQ(read.inputs.size(), 2U);
  EXPECT_FALSE(read.inputs[0].default_json);
  EXPECT_EQ(read.inputs[1].default_json, "8e1");
  ASSERT_EQ(read.nodes.size(), 2U);
  const model::WorkflowNode& k = read.nodes[0];
  EXPECT_EQ(k.version, 2);
  EXPECT_EQ(std::get<model::FromInput>(k.inputs[0].second).at, "/size");
  EXPECT_EQ(k.limits_json, "{}");
  EXPECT_EQ(k.on_error, model::OnError::fail);
  const model::WorkflowNode& p = read.nodes[1];
  EXPECT_EQ(p.version, 0);
  EXPECT_EQ(std::get<model::FromNode>(p.inputs[0].second).at, "/stiffness");
  EXPECT_EQ(std::get<model::Constant>(p.inputs[1].second).json, "[1.0]");
  EXPECT_EQ(std::get<model::FromElement>(p.inputs[2].second).at, "/d");
  EXPECT_EQ(std::get<model::FromInput>(*p.each).name, "bolt");
  EXPECT_EQ(std::get<model::Constant>(*p.when).json, "true");
  EXPECT_EQ(p.limits_json, R"({"memory_mb": 64})");
  EXPECT_EQ(p.attempts, 3);
  EXPECT_EQ(p.on_error, model::OnError::by_default);
  EXPECT_EQ(p.default_json, "null");
  EXPECT_EQ(read.outputs[0].first, "margin");
}

using Told = std::map<std::string, std::string>;
Told told(std::string_view body) {
  const auto read = read_workflow(body, WorkflowUse::create, model::default_ceilings());
  Told all;
  if (read) return all;
  for (const FieldProblem& problem : read.error().problems) all[problem.pointer] = problem.detail;
  return all;
}

TEST(WorkflowJson, WhatHasNotItsShape_IsToldAllAtOnce) {
  EXPECT_EQ(told(R"({"name": "j",
    "inputs": {"bolt": 3},
    "nodes": {"k": {"inputs": {"a": {"input": "bolt", "value": 1}, "b": {}, "c": {"nodes": "k"}},
                    "on_error": "stop", "attempts": 11, "limits": {"memory_mb": 1e9}}},
    "outputs": []})"),
            (Told{{"/inputs/bolt", "must be a JSON object"},
                  {"/nodes/k/task", "is required"},
                  {"/nodes/k/inputs/a", "must have exactly one of value, input, node and element"},
                  {"/nodes/k/inputs/b", "must have exactly one of value, input, node and element"},
                  {"/nodes/k/inputs/c", "must have exactly one of value, input, node and element"},
                  {"/nodes/k/inputs/c/nodes", "unknown field; did you mean \"node\"?"},
                  {"/nodes/k/on_error", "must be fail, skip or default"},
                  {"/nodes/k/attempts", "must be between 1 and 10"},
                  {"/nodes/k/limits/memory_mb", told(R"({"name": "j", "outputs": {}, "nodes":
                     {"k": {"task": "t", "limits": {"memory_mb": 1e9}}}})")
                                                    ["/nodes/k/limits/memory_mb"]},
                  {"/outputs", "must be a JSON object"}}));
}

// Whoever checks the whole tells them with all else that is wrong.
TEST(WorkflowJson, WhatIsThereTwice_IsReadTwice) {
  const auto read = read_definition(
      R"({"inputs": {"x": {}, "x": {}}, "outputs": {"o": {"node": "k"}, "o": {"node": "k"}},
          "nodes": {"k": {"task": "t", "inputs": {"a": {"value": 1}, "a": {"value": 2}}},
                    "k": {"task": "u"}}})");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->inputs.size(), 2U);
  ASSERT_EQ(read->nodes.size(), 2U);
  EXPECT_EQ(read->nodes[0].inputs.size(), 2U);
  EXPECT_EQ(read->outputs.size(), 2U);
}

TEST(WorkflowJson, OfManyThingsThatAreWrong_TheFirstAreTold) {
  std::string nodes;
  for (int i = 0; i < 300; ++i) nodes += (i > 0 ? ",\"n" : "\"n") + std::to_string(i) + "\":{}";
  const auto read = read_workflow(R"({"name": "j", "outputs": {}, "nodes": {)" + nodes + "}}",
                                  WorkflowUse::create, model::default_ceilings());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().problems.size(), base::kMostProblems + 1);
  EXPECT_EQ(read.error().problems.back().detail, "and 100 more problems");
}

TEST(WorkflowJson, APlaceInAConstantOrAnElement_IsNotTaken) {
  EXPECT_EQ(told(R"({"name": "j", "nodes": {"k": {"task": "t", "inputs": {
              "a": {"value": {"x": 1}, "at": "/x"}, "b": {"element": "", "at": ""}}}},
              "outputs": {"o": {"node": "k", "at": "/x"}, "p": {"input": "i", "at": "/x"}}})"),
            (Told{{"/nodes/k/inputs/a/at", "is for input and node only"},
                  {"/nodes/k/inputs/b/at", "is for input and node only"}}));
}

TEST(WorkflowJson, ADefinitionIsAtMostAMebibyte) {
  EXPECT_TRUE(check_size(std::string(kLargestDefinition, ' ')));
  const auto larger = check_size(std::string(kLargestDefinition + 1, ' '));
  ASSERT_FALSE(larger);
  EXPECT_EQ(larger.error().code, ErrorCode::too_large);
  const std::string body =
      R"({"name": "j", "outputs": {}, "nodes": {}, "inputs": {"a": {"default": ")" +
      std::string(kLargestDefinition * 2, 'x') + R"("}}})";
  EXPECT_EQ(read_workflow(body, WorkflowUse::create, model::default_ceilings()).error().code,
            ErrorCode::too_large);
}

TEST(WorkflowJson, NamesOfAnyLength_AreNotTaken) {
  const auto with_input = [](const std::string& name) {
    return R"({"name": "j", "outputs": {}, "nodes": {"k": {"task": "t", "inputs": {")" + name +
           R"(": {"value": 1}}}}})";
  };
  EXPECT_EQ(told(with_input(std::string(200, 'a'))), Told{});
  EXPECT_EQ(told(with_input(std::string(200, 'a') + "b")),
            (Told{{"/nodes/k/inputs/" + std::string(200, 'a'),
                   "its name is longer than 200 characters"}}));
  EXPECT_FALSE(read_workflow_resume(R"({"versions": {")" + std::string(201, 'a') + R"(": 1}})"));
}

TEST(WorkflowJson, AResumption_NamesAtMostAsManyVersionsAsThereCanBeNodes) {
  std::string versions;
  for (int i = 0; i < 1001; ++i) {
    versions += (i > 0 ? ",\"n" : "\"n") + std::to_string(i) + "\":1";
  }
  const auto read = read_workflow_resume(R"({"versions": {)" + versions + "}}");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().problems.front().detail, "must have at most 1000 members");
}

TEST(WorkflowJson, PartsOfAnUpdate_TakeThePlaceOfThoseBefore) {
  EXPECT_EQ(definition_json({{}, R"({"n": 1})", {}},
                            R"({"inputs":{"a":{}},"nodes":{},"outputs":{"b":2}})"),
            R"({"inputs":{"a":{}},"nodes":{"n": 1},"outputs":{"b":2}})");
  EXPECT_EQ(definition_json({}, ""), R"({"inputs":{},"nodes":{},"outputs":{}})");
}

TEST(WorkflowJson, ARun_SaysWhatIsKnownOfItsNodes) {
  const model::Workflow definition = joint();
  model::WorkflowRun run;
  run.state.status = model::WorkflowStatus::failing;
  run.state.nodes.resize(2);
  run.nodes.resize(2);
  run.state.nodes[1] = {model::NodeStatus::running, 10, 7, 1, {5, 6}, false};
  run.nodes[1].reused = 2;
  run.nodes[1].error = model::NodeError{"timeout", "it took too long", {}, 3};
  EXPECT_EQ(workflow_node_json(definition, run, 1),
            R"({"name":"p","task_id":"","version":0,"status":"running","elements":10,"ended":5,)"
            R"("failed":1,"reused":2,"error":{"code":"timeout","message":"it took too long",)"
            R"("element":3}})");
  EXPECT_NE(
      workflow_run_json(definition, run, R"({"margin":1.50})").find(R"("result":{"margin":1.50})"),
      std::string::npos);
  EXPECT_NE(workflow_run_summary_json(run).find(R"("status":"running")"), std::string::npos);
}

TEST(WorkflowJson, ExecuteAndResume_AreRead) {
  EXPECT_EQ(read_workflow_execute("")->force.size(), 0U);
  const auto execute =
      read_workflow_execute(R"({"inputs": {"a": 1.0}, "version": 3, "force": ["k"]})");
  EXPECT_EQ(execute->inputs, R"({"a": 1.0})");
  EXPECT_EQ(execute->version, 3);
  EXPECT_EQ(execute->force, std::vector<std::string>{"k"});
  const auto resume = read_workflow_resume(R"({"versions": {"k": 4}})");
  ASSERT_EQ(resume->versions.size(), 1U);
  EXPECT_EQ(resume->versions[0], std::pair(std::string("k"), 4));
  EXPECT_FALSE(read_workflow_resume(R"({"versions": {"k": "4"}})"));
}

}  // namespace
}  // namespace mecapy::wire
