#include "cli/workflow_words.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/test_folder.h"

namespace mecapy::cli {
namespace {

constexpr const char* kYaml = R"(inputs:
  vessel:
  load: 5
nodes:
  verdict:
    task: verdict.py
    when: verdict.too_thin
    for_each: [1, 2]
    inputs:
      joint: 0.85
      vessel: vessel
      deep: vessel/shell.t
      word: some words
      none:
      on: true
  empty:
outputs: verdict
)";

WorkflowFile file_of(const base::TestFolder& folder) {
  std::ofstream(folder.path("w.yaml")) << kYaml;
  return *read_workflow_file(folder.path("w.yaml"));
}

TEST(WorkflowWords, SayWhatToWriteWhereAnObjectMustBe) {
  const base::TestFolder folder;
  const WorkflowFile file = file_of(folder);
  const std::pair<const char*, const char*> cases[] = {
      {"/inputs/vessel", "write {} for an input that must be given, {default: VALUE} for another"},
      {"/inputs/load", "write {default: 5}"},
      {"/nodes/verdict/when", "write {node: verdict, at: /too_thin}"},
      {"/nodes/verdict/for_each", "write {value: [1,2]}"},
      {"/nodes/verdict/inputs/joint", "write {value: 0.85}"},
      {"/nodes/verdict/inputs/vessel", "write {input: vessel}"},
      {"/nodes/verdict/inputs/deep", "write {input: vessel, at: /shell/t}"},
      {"/nodes/verdict/inputs/on", "write {value: true}"},
      {"/nodes/verdict/inputs/none",
       "write where it comes from: {input: NAME}, or {node: NAME, at: /MEMBER}, or {value: ...}"},
      {"/nodes/verdict/inputs/word",
       "write {value: \"some words\"} for the text itself; else where it comes from: {input: "
       "NAME}, "
       "or {node: NAME, at: /MEMBER}"},
      {"/nodes/empty", "there is nothing below it: write names with values, KEY: VALUE, or {}"},
      {"/outputs", "must hold names with values: KEY: VALUE"},
      {"", "must hold names with values: KEY: VALUE"},
      {"/none/of/these", "there is nothing below it: write names with values, KEY: VALUE, or {}"},
  };
  for (const auto& [pointer, told] : cases) EXPECT_EQ(object_instead(file, pointer), told);
}

TEST(WorkflowWords, AreSaidOfYamlOnly) {
  const base::TestFolder folder;
  Error error{ErrorCode::invalid_fields, "m", {}};
  error.problems.push_back({"/nodes/verdict/inputs/joint", "must be a JSON object", {}, {}});
  error.problems.push_back({"/nodes/verdict", "is required", {}, {}});
  const Error told = in_file(file_of(folder), error);
  EXPECT_EQ(told.problems[0].detail, "write {value: 0.85}");
  EXPECT_EQ(told.problems[1].detail, "is required");
  EXPECT_EQ(in_file({"w.json"}, error).problems[0].detail, "must be a JSON object");
}

}  // namespace
}  // namespace mecapy::cli
