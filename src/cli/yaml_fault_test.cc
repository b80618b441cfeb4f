#include "cli/yaml_fault.h"

#include <gtest/gtest.h>

#include "cli/yaml_json.h"

namespace mecapy::cli {
namespace {

// What is said of `yaml`, which nobody can read.
std::string told(const std::string& yaml) {
  const auto read = yaml_as_json(yaml, "f.yaml");
  return read ? "nothing: " + read->json : read.error().message;
}

constexpr const char* kGood = R"(# A workflow.
name: vessel
inputs:
  vessel: {}
  joint: {default: 0.85}
nodes:
  stress:
    task: stress.py
    inputs: {vessel: {input: vessel}, joint: {input: joint}}
  verdict:
    task: verdict.py
    for_each: {node: stress, at: /cases}
    inputs:
      stress: {element: ""}
      limits: {value: [1, 2,
        3]}
outputs:
  verdict: {node: verdict}
)";

std::string with(const std::string& text, const std::string& other) {
  std::string yaml = kGood;
  const std::size_t at = yaml.find(text);
  if (at == std::string::npos) ADD_FAILURE() << text;
  return yaml.replace(at, text.size(), other);
}

TEST(YamlFault, IsToldWhereItWasMade) {
  const std::pair<std::string, const char*> cases[] = {
      {with("task: verdict.py", "task:verdict.py"),
       "f.yaml, line 11: a space is missing behind the colon: write task: verdict.py"},
      {with("for_each: {node", "for_each:{node"),
       "line 12, column 5: a space is missing behind the colon: write for_each: {node"},
      {with("{node: verdict}", "{node:verdict}"),
       "line 18, column 25: a space is missing behind the colon: write node: verdict"},
      {with("joint: {default", "joint:{default"),
       "line 5, column 3: a space is missing behind the colon: write joint: {default"},
      {with("name: vessel", "name:vessel"), "line 2: a space is missing behind the colon"},
      {with("    for_each:", "   for_each:"),
       "line 12: it is indented by 3 spaces, as nothing above it that it could belong to (0, 2, "
       "4)"},
      {with("    for_each:", "     for_each:"),
       "line 12: it is indented by 5 spaces, which is more than line 11, and that has a value "
       "already: indent it by 4 spaces"},
      {with("  verdict:\n", " verdict:\n"), "line 10: it is indented by 1 space, as nothing"},
      {with("    inputs:\n", "\tinputs:\n"), "line 13: a tab in the indentation: write spaces"},
      {with("    inputs:\n", "  \tinputs:\n"), "line 13: a tab in the indentation"},
      {with("{element: \"\"}", "{element: \"}"), "line 14: the \" in column 25 is not closed"},
      {with("{element: \"\"}", "{element: ''"), "line 14: the { in column 15 is not closed"},
      {with("vessel: {input: vessel},", "vessel: {input: vessel,"),
       "line 9: the { in column 13 is not closed"},
      {with("3]}", "3}"), "line 16: there is a } where the [ of line 15, column 23 is not closed"},
      {with("name: vessel", "name: a vessel: thin"),
       "line 2: a text with \": \" in it is put into quotes: \"a vessel: thin\""},
      {with("name: vessel", "name: \"vessel"), "line 2: the \" in column 7 is not closed"},
      {with("task: stress.py", "task stress.py"),
       "line 8: a colon is missing: \"task stress.py\" is no KEY: VALUE"},
      {with("  joint:", "  - joint:"), "line 5: an item (-) stands among names (KEY: VALUE)"},
      {"a:\n- b\n- c\nd: 1\n- e\n", "line 5: an item (-) stands among names"},
      {"a:\n  - b\n  c: d\n", "line 3: a name (KEY: VALUE) stands among items (-)"},
      {"a:\n  - b: 1\n    c: 2\n   d: 3\n", "line 4: it is indented by 3 spaces"},
      {"a: 1\n  b: 2\n", "line 2: it is indented by 2 spaces, which is more than line 1"},
      {"a: |\n  x: y: z\n   it's\nb:c\nd: 1\n", "line 4: a space is missing"},
      {"a: {\n  b: 1,\n}\n c: 2\n", "line 4: it is indented by 1 space, which is more"},
  };
  for (const auto& [yaml, words] : cases)
    EXPECT_NE(told(yaml).find(words), std::string::npos) << words << "\n" << told(yaml);
}

TEST(YamlFault, OfOthersTheParserSaysWhereItStopped) {
  EXPECT_TRUE(told("a: 1\nb: \"\\q\"\n").starts_with("f.yaml, at or before line 2: "));
  EXPECT_TRUE(told("a: 1\nb: @x\n").starts_with("f.yaml, at or before line 2: "));
}

// What is right must not be blamed for what is wrong elsewhere.
TEST(YamlFault, NothingIsFoundWhereNothingIs) {
  const char* good[] = {
      kGood,
      "a:\n- x\n- y: 1\n  z: 2\n-\n  w: 3\n- - 1\n  - 2\n- http://x\nb: http://x\n",
      "a: words that\n  go on\n  here: no\n",
      "a: |\n   x: y: z\n  \t'\n\n   {\nb: >-\n  it's\nc: 1\n",
      "'a b': 'it''s: {'\n\"c\": \"\\\"}\"\nd: it's {x}\n",
      "--- # begins\n? a\n...\n",
      "a: {b: [1, # }\n 2], c: 'x\n   y', d: it's}\n\n# end\n",
      "  a: 1\n  b:\n    c: 2\n",
      "a: {\n  b: 1\n}\nc: [\n]\n",
      "a: 12:30\nb: x#y: z\r\nc: d  # e: f: g\n",
      "[1, 2]",
      "word",
  };
  for (const char* yaml : good) {
    const auto fault = likely_fault(yaml, 1000);
    const bool may = std::string_view(yaml).starts_with("a: words") ||
                     std::string_view(yaml).starts_with("a: 12:30") ||
                     std::string_view(yaml).starts_with("---");
    if (!may) EXPECT_FALSE(fault) << yaml << fault->line << fault->what;
  }
  EXPECT_FALSE(likely_fault("a: 1\nb:2\nc: 3\n", 1));
}

}  // namespace
}  // namespace mecapy::cli
