#include "cli/workflow_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/test_folder.h"
#include "cli/workflow_graph.h"

namespace mecapy::cli {
namespace {

class Workflows : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    std::ofstream(folder_.path(name)) << text;
    return folder_.path(name);
  }
  base::TestFolder folder_;
};

constexpr const char* kYaml = R"(name: joint
inputs: {bolt: {}}
nodes:
  k:
    task: stiffness.py
    inputs: {bolt: {input: bolt}}
  p: {task: preload, for_each: {node: k, at: /l}, inputs: {a: {element: ""}, n: {value: 1.50}}}
  q: {task: 7, when: {node: p}, inputs: {x: {node: nobody}, y: {node: k}}}
outputs: {n: {node: q}}
)";

TEST_F(Workflows, AreSentAsTheyStandWithIdsInThePlaceOfWords) {
  const auto read = read_workflow_file(file("w.yaml", kYaml));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->tasks.size(), 2u);
  EXPECT_TRUE(read->tasks[0].is_file());
  EXPECT_EQ(read->tasks[1].pointer, "/nodes/p/task");
  EXPECT_EQ(
      workflow_body(*read, {{"stiffness.py", {"1", 4}}, {"preload", {"2"}}}, "other", "words"),
      R"({"name":"other","description":"words","inputs":{"bolt":{}},"nodes":{"k":{"task":"1",)"
      R"("version":4,"inputs":{"bolt":{"input":"bolt"}}},"p":{"task":"2","for_each":{"node":"k","at":"/l"},)"
      R"("inputs":{"a":{"element":""},"n":{"value":1.50}}},"q":{"task":7,"when":{"node":"p"},)"
      R"("inputs":{"x":{"node":"nobody"},"y":{"node":"k"}}}},"outputs":{"n":{"node":"q"}}})");
}

TEST_F(Workflows, SayTheVersionOfATaskThemselves) {
  const auto read = read_workflow_file(
      file("w.yaml",
           "nodes:\n  k: {task: k.py, version: 2}\n  l: {task: k.py, version: x}\n"
           "  m: {version: 0, task: k.py}\n  n: {task: k.py}\n"));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->tasks.size(), 4u);
  EXPECT_EQ(read->tasks[0].version, 2);
  EXPECT_EQ(read->tasks[0].version_pointer(), "/nodes/k/version");
  EXPECT_FALSE(read->tasks[1].version || read->tasks[2].version || read->tasks[3].version);
  EXPECT_EQ(workflow_body(*read, {{"k.py", {"1", 7}}}, std::nullopt, std::nullopt),
            R"({"nodes":{"k":{"task":"1","version":2},"l":{"task":"1","version":"x"},)"
            R"("m":{"version":0,"task":"1"},"n":{"task":"1","version":7}}})");
}

TEST_F(Workflows, AreNamedByWhoKeepsThemTheirTextOrTheirFile) {
  const auto named = [&](const char* name, const char* text) {
    return workflow_name(*read_workflow_file(file(name, text)), std::nullopt);
  };
  EXPECT_EQ(named("joint.yaml", "name: other"), "other");
  EXPECT_EQ(named("joint.yaml", "name: 7"), "joint");
  EXPECT_EQ(named("joint.json", "{}"), "joint");
  EXPECT_EQ(workflow_name({"a/col_b/workflow.yaml"}, std::nullopt), "col_b");
  EXPECT_EQ(workflow_name({"a/col_b/workflow.yaml"}, "given"), "given");
}

TEST_F(Workflows, ThatHaveSomethingWrongAreLeftToTheServer) {
  for (const char* text :
       {"{}", R"({"nodes":[1]})", R"({"nodes":{"a":[],"b":{"task":null},"c":{}}})"}) {
    const auto read = read_workflow_file(file("w.json", text));
    ASSERT_TRUE(read) << text;
    EXPECT_TRUE(read->tasks.empty());
    EXPECT_EQ(workflow_body(*read, {}, std::nullopt, std::nullopt), text);
    workflow_graph(read->json("nodes"));
  }
}

TEST_F(Workflows, ThatAreNoneAreRefused) {
  for (const char* text : {"", "[]", "nodes", "{\"a\":1,\"a\":2}", "{\"a\":}"}) {
    for (const char* name : {"w.json", "w.yml"}) {
      if (std::string(text) == "{\"a\":}" && std::string(name) == "w.yml") continue;  // null there
      const auto read = read_workflow_file(file(name, text));
      ASSERT_FALSE(read) << name << text;
      EXPECT_EQ(read.error().code, ErrorCode::invalid_fields);
    }
  }
  EXPECT_EQ(read_workflow_file(folder_.path("none.json")).error().code, ErrorCode::not_found);
}

TEST_F(Workflows, TakeNoCodeFromElsewhere) {
  const WorkflowFile beside{"dir/w.yaml"};
  EXPECT_EQ(*code_path(beside, {"k", "/nodes/k/task", "a/b.py"}), "dir/a/b.py");
  EXPECT_EQ(*code_path({"w.yaml"}, {"k", "/nodes/k/task", "b.py"}), "b.py");
  for (const char* word : {"/etc/a.py", "../a.py", "a/../../b.py"})
    EXPECT_FALSE(code_path(beside, {"k", "/nodes/k/task", word})) << word;
}

TEST_F(Workflows, AreToldTheirLines) {
  const auto read = read_workflow_file(file("w.yaml", kYaml));
  ASSERT_TRUE(read);
  const Error error =
      in_file(*read, {ErrorCode::invalid_fields,
                      "m",
                      {{"/nodes/k/inputs/none", "d"}, {"/nodes/q", "d"}, {"", "d"}}});
  EXPECT_TRUE(error.problems[0].pointer.ends_with("w.yaml, line 6)")) << error.problems[0].pointer;
  EXPECT_TRUE(error.problems[1].pointer.ends_with("w.yaml, line 8)")) << error.problems[1].pointer;
  EXPECT_EQ(error.problems[2].pointer, "");
}

TEST_F(Workflows, AreDrawnByWhatTheyNeed) {
  const auto read = read_workflow_file(file("w.yaml", kYaml));
  ASSERT_TRUE(read);
  const Graph graph = workflow_graph(read->json("nodes"));
  ASSERT_EQ(graph.nodes.size(), 3u);
  EXPECT_EQ(graph.nodes[1].needs, std::vector<std::size_t>{0});
  EXPECT_EQ(graph.nodes[2].needs, (std::vector<std::size_t>{0, 1}));
}

}  // namespace
}  // namespace mecapy::cli
