#include "workflow/check.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>

#include "base/problems.h"

namespace mecapy::workflow {
namespace {

const std::map<std::string, model::CodeFacts> kTasks = {
    {"stiffness", {{{{"bolt", true}, {"plates", false}}}, {{"stiffness", "plot"}}}},
    {"preload", {{{{"stiffness", true}, {"torque", true}}}, {{"preload"}}}},
    {"any", {}},
};

std::optional<model::CodeFacts> look_up(const std::string& task, int version) {
  const auto found = kTasks.find(task);
  if (found == kTasks.end() || version > 3) return std::nullopt;
  return found->second;
}

// Two nodes that feed each other, and an output.
model::Workflow joint() {
  model::Workflow joint;
  joint.inputs = {{"bolt"}, {"torque", "80"}};
  joint.nodes = {
      {.name = "k", .task = "stiffness", .inputs = {{"bolt", model::FromInput{"bolt", ""}}}},
      {.name = "p",
       .task = "preload",
       .inputs = {{"stiffness", model::FromNode{"k", "/stiffness"}},
                  {"torque", model::FromInput{"torque", ""}}}}};
  joint.outputs = {{"preload", model::FromNode{"p", "/preload"}}};
  return joint;
}

const std::string kUnused = "nothing uses it: give it to a node or an output, or take it out";

using Told = std::vector<std::pair<std::string, std::string>>;
Told told(const model::Workflow& definition) {
  Told all;
  for (const base::FieldProblem& problem : check(definition, look_up)) {
    all.emplace_back(problem.pointer, problem.detail);
  }
  return all;
}

TEST(Check, WhatIsRight_HasNoProblem) { EXPECT_EQ(told(joint()), Told{}); }

TEST(Check, Nothing_HasNoNodeAndNoOutput) {
  EXPECT_EQ(told({}), (Told{{"/nodes", "there is no node"}, {"/outputs", "there is no output"}}));
}

TEST(Check, ACycle_IsNamed_AndWhatNeedsItAndWhatNobodyNeeds) {
  model::Workflow definition = joint();
  definition.nodes[0].inputs.emplace_back("plates", model::FromNode{"p", "/preload"});
  definition.nodes.push_back(
      {.name = "q", .task = "any", .inputs = {{"x", model::FromNode{"p", ""}}}});
  definition.nodes.push_back(
      {.name = "loop", .task = "any", .when = model::FromNode{"loop", "/on"}});
  EXPECT_EQ(told(definition),
            (Told{{"/nodes/k", "it needs itself: k -> p -> k"},
                  {"/nodes/loop", "it needs itself: loop -> loop"},
                  {"/nodes/q", "it can never begin: it needs k, which needs itself"},
                  {"/nodes/q", "no output needs it: name it in one, or take it out"},
                  {"/nodes/loop", "no output needs it: name it in one, or take it out"}}));
}

TEST(Check, InputsThatAreMissingDoubledOrUnknown_AreAllTold) {
  model::Workflow definition = joint();
  definition.nodes[0].inputs = {{"blot", model::FromInput{"bolt", ""}}};
  definition.nodes[1].inputs.emplace_back("torque", model::Constant{"3"});
  definition.inputs.push_back({"bolt"});
  EXPECT_EQ(told(definition),
            (Told{{"/inputs/bolt", "it is there twice"},
                  {"/nodes/k/inputs/blot", "its task reads no such input; did you mean \"bolt\"?"},
                  {"/nodes/k/inputs/bolt", "it is missing: its task needs it"},
                  {"/nodes/p/inputs/torque", "it is given twice"}}));
}

TEST(Check, SourcesThatAreNotThere_AreTold) {
  model::Workflow definition = joint();
  definition.nodes[0].inputs = {{"bolt", model::FromInput{"nut", ""}},
                                {"plates", model::FromElement{""}}};
  definition.nodes[1].inputs = {{"stiffness", model::FromNode{"k", "/stifness"}},
                                {"torque", model::FromNode{"m", "/a~2"}}};
  definition.outputs.emplace_back("a/b", model::FromNode{"gone", ""});
  EXPECT_EQ(told(definition),
            (Told{{"/inputs/bolt", kUnused},
                  {"/inputs/torque", kUnused},
                  {"/nodes/k/inputs/bolt", "the workflow has no input nut"},
                  {"/nodes/k/inputs/plates",
                   "there is no element: it is in the inputs of a node with for_each only"},
                  {"/nodes/p/inputs/stiffness",
                   "the result of k has no stifness; did you mean \"stiffness\"?"},
                  {"/nodes/p/inputs/torque", "\"/a~2\" is no JSON pointer: it begins with /"},
                  {"/outputs/a~1b",
                   "a name has 1 to 64 letters, digits, _ and -, and begins with a letter or _"},
                  {"/outputs/a~1b", "there is no node gone"}}));
}

TEST(Check, WhatANodeSaysOfItself_IsLookedAt) {
  model::Workflow definition = joint();
  model::WorkflowNode& k = definition.nodes[0];
  k.task = "stifness";
  k.each = model::Constant{"3"};
  k.when = model::FromElement{"/on"};
  k.attempts = 0;
  k.default_json = "{}";
  definition.nodes[1].version = 4;
  definition.nodes[1].when = model::Constant{"1"};
  definition.nodes[1].on_error = model::OnError::by_default;
  EXPECT_EQ(told(definition),
            (Told{{"/nodes/k/task", "there is no task stifness"},
                  {"/nodes/k/when",
                   "there is no element: it is in the inputs of a node with for_each only"},
                  {"/nodes/k/for_each", "it is no list"},
                  {"/nodes/k/attempts", "must be between 1 and 10"},
                  {"/nodes/k/default", "it is for on_error \"default\" only"},
                  {"/nodes/p/task", "there is no task preload of version 4"},
                  {"/nodes/p/when", "it is neither true nor false"},
                  {"/nodes/p/default",
                   "it is missing: on_error says that it is the result of a failed run"}}));
}

TEST(Check, AnElement_IsThereInTheInputsOfItsNode_AndAListsResultIsThatOfEach) {
  model::Workflow definition = joint();
  definition.nodes[0].each = model::FromInput{"bolt", "/sizes"};
  definition.nodes[0].inputs = {{"bolt", model::FromElement{""}}};
  definition.nodes[1].inputs[0].second = model::FromNode{"k", "/stiffness"};
  EXPECT_EQ(told(definition), Told{});
  definition.nodes[1].inputs[0].second = model::FromNode{"k", "/0/stiffness"};
  EXPECT_EQ(told(definition).size(), 1U);
}

TEST(Check, AnInputThatNothingUses_IsTold) {
  model::Workflow definition = joint();
  definition.inputs.push_back({"nut"});
  definition.inputs.push_back({"plates", "3"});
  EXPECT_EQ(told(definition), (Told{{"/inputs/nut", kUnused}, {"/inputs/plates", kUnused}}));
  definition.outputs.emplace_back("nut", model::FromInput{"nut", ""});
  definition.nodes[1].when = model::FromInput{"plates", ""};
  definition.inputs.back().default_json = "true";
  EXPECT_EQ(told(definition), Told{});
}

TEST(Check, WhatADefaultHasNot_IsTold) {
  model::Workflow definition = joint();
  definition.inputs[1].default_json = R"({"work": 80, "list": [1, {"a": true}]})";
  model::Source& torque = definition.nodes[1].inputs[1].second;
  for (const char* at : {"", "/work", "/list/1/a"}) {
    torque = model::FromInput{"torque", at};
    EXPECT_EQ(told(definition), Told{}) << at;
  }
  torque = model::FromInput{"torque", "/wrok"};
  definition.nodes[1].on_error = model::OnError::by_default;
  definition.nodes[1].default_json = R"({"load": null})";
  EXPECT_EQ(
      told(definition),
      (Told{{"/nodes/p/inputs/torque", "the default of input torque has nothing at \"/wrok\""},
            {"/outputs/preload", "the default of p has nothing at \"/preload\""}}));
}

TEST(Check, WhatARunIsGivenOfAnotherKind_IsToldBeforeItBegins) {
  model::Workflow definition = joint();
  definition.nodes[1].each = model::FromInput{"torque", "/sizes"};
  definition.nodes[1].when = model::FromInput{"plot", ""};
  const auto told_of = [&](const Given& given) {
    Told all;
    for (const base::FieldProblem& one : check_given(definition, given))
      all.emplace_back(one.pointer, one.detail);
    return all;
  };
  EXPECT_EQ(told_of({}), Told{}) << "the check of the definition tells of defaults";
  EXPECT_EQ(told_of({{"plot", "true"}, {"torque", R"({"sizes":[]})"}, {"bolt", "7"}}), Told{});
  EXPECT_EQ(told_of({{"torque", R"({"sizes":{"$type":"ndarray","dtype":"int64","shape":[1],)"
                                R"("data":[1]}})"}}),
            Told{});
  EXPECT_EQ(told_of({{"plot", "\"no\""}, {"torque", R"({"sizes":3})"}}),
            (Told{{"/torque/sizes", "is no list, and node p goes through it"},
                  {"/plot", "is neither true nor false, which says whether node p is wanted"}}));
  EXPECT_EQ(told_of({{"torque", "80"}}), (Told{{"/torque/sizes", "there is no such place in it"}}));
}

TEST(Check, DefaultsOfAnotherKindThanIsNeeded_AreTold) {
  model::Workflow definition = joint();
  definition.inputs[1].default_json = R"({"on": 1, "sizes": {}})";
  definition.nodes[1].inputs[1].second = model::FromInput{"torque", "/sizes"};
  definition.nodes[1].each = model::FromInput{"torque", "/sizes"};
  definition.nodes[1].when = model::FromInput{"torque", "/on"};
  EXPECT_EQ(told(definition),
            (Told{{"/nodes/p/for_each", "the default of input torque is no list"},
                  {"/nodes/p/when", "the default of input torque is neither true nor false"}}));
  definition.inputs[1].default_json = R"({"on": false, "sizes": []})";
  EXPECT_EQ(told(definition), Told{});
  definition.nodes[0].each = model::Constant{"[1, 2]"};
  definition.nodes[1].each = model::FromNode{"k", "/stiffness"};
  definition.nodes[1].when = model::FromNode{"k", "/stiffness"};
  EXPECT_EQ(told(definition),
            (Told{{"/nodes/p/when",
                   "it is a list: k has for_each, and its result is that of each element"}}));
}

// 10,000 pointers into a default of 900 kB took a minute.
TEST(Check, OfALargeDefault_OnlySoMuchIsLookedAt) {
  model::Workflow definition = joint();
  definition.inputs[1].default_json = R"({"a": ")" + std::string(900'000, 'x') + R"("})";
  definition.nodes[0].task = definition.nodes[1].task = "any";
  definition.nodes[1].inputs = {{"k", model::FromNode{"k", ""}}};
  definition.outputs[0].second = model::FromNode{"p", ""};
  for (int i = 0; i < 10'000; ++i) {
    definition.nodes[0].inputs.emplace_back("i" + std::to_string(i),
                                            model::FromInput{"torque", "/a"});
  }
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(told(definition), Told{});
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
}

// 26,000 names that are all looked for among 130 took half a minute.
TEST(Check, OfALargeDefinitionThatIsWrongThroughout_TheFirstProblemsAreTold) {
  model::Workflow definition;
  for (int i = 0; i < 130; ++i) {
    model::WorkflowNode node{.name = "n" + std::to_string(1000 + i) + std::string(59, 'b'),
                             .task = "any"};
    for (int j = 0; j < 150; ++j) {
      node.inputs.emplace_back("i" + std::to_string(j), model::FromNode{std::string(64, 'q'), ""});
    }
    definition.nodes.push_back(std::move(node));
  }
  definition.outputs = {{"o", model::FromNode{definition.nodes[0].name, ""}}};
  const auto begun = std::chrono::steady_clock::now();
  const Told all = told(definition);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  ASSERT_EQ(all.size(), base::kMostProblems + 1);
  EXPECT_EQ(all.back(), std::pair(std::string(), std::string("and 19429 more problems")));
}

TEST(Check, InputsOfAllNodes_AreBounded) {
  model::Workflow definition;
  for (int i = 0; i < 101; ++i) {
    model::WorkflowNode node{.name = "n" + std::to_string(i), .task = "any"};
    for (int j = 0; j < 200; ++j) {
      node.inputs.emplace_back("i" + std::to_string(j), model::Constant{"1"});
    }
    definition.nodes.push_back(std::move(node));
    definition.outputs.emplace_back("o" + std::to_string(i),
                                    model::FromNode{"n" + std::to_string(i), ""});
  }
  EXPECT_EQ(told(definition),
            (Told{{"/nodes", "they have 20200 inputs altogether, the limit is 20000"}}));
  definition.nodes.pop_back();
  definition.outputs.pop_back();
  EXPECT_EQ(told(definition), Told{});
}

}  // namespace
}  // namespace mecapy::workflow
