#include "cli/yaml_json.h"

#include <gtest/gtest.h>

#include "wire/json.h"

namespace mecapy::cli {
namespace {

std::string json_of(const std::string& yaml) {
  const auto read = yaml_as_json(yaml, "f.yaml");
  return read ? read->json : read.error().message;
}

TEST(Yaml, IsReadByTheCoreSchema) {
  const std::pair<const char*, const char*> cases[] = {
      {"a: 1", R"({"a":1})"},
      {"a: {b: [1, 2, x]}\nc: d", R"({"a":{"b":[1,2,"x"]},"c":"d"})"},
      {"- 0.10\n- 210e9\n- -1.5E-3\n- +4\n- 1e+5", "[0.10,210e9,-1.5e-3,4,1e+5]"},
      {"[.5, 5., -.5e3, 007, 0o17, 0x1F, -0]", "[0.5,5.0,-0.5e3,7,15,31,-0]"},
      {"[123456789012345678901234567890]", "[123456789012345678901234567890]"},
      {"[true, False, TRUE, null, ~, Null]", "[true,false,true,null,null,null]"},
      {"a:\nb: ''", R"({"a":null,"b":""})"},
      {"[yes, no, on, off, y, 12:30, 1_000, 2026-11-01, 1.2.3, '-', 0b1, 0x, 0o8, e5, 1e, .]",
       R"(["yes","no","on","off","y","12:30","1_000","2026-11-01","1.2.3","-","0b1","0x","0o8",)"
       R"("e5","1e","."])"},
      {"['1', \"true\", 'null', \"~\"]", R"(["1","true","null","~"])"},
      {"'1': a\n\"true\": b", R"({"1":"a","true":"b"})"},
      {"a: |\n  one\n  two\nb: >-\n  one\n  two", R"({"a":"one\ntwo\n","b":"one two"})"},
      {"\"a\\u00e9\\n\": \"\\\"\"", R"({"aé\n":"\""})"},
      {"# a comment\n---\na: b # another\n...\n", R"({"a":"b"})"},
      {"{\"json\": [1.0, {\"too\": null}]}", R"({"json":[1.0,{"too":null}]})"},
      {"1.50", "1.50"},
      {"\xEF\xBB\xBF"
       "a: 1",
       R"({"a":1})"},
      {"- [a, a]\n- {a: 1}\n- {a: 1}", R"([["a","a"],{"a":1},{"a":1}])"},
  };
  for (const auto& [yaml, json] : cases) {
    EXPECT_EQ(json_of(yaml), json) << yaml;
    EXPECT_TRUE(wire::validate_json(json_of(yaml))) << yaml;
  }
}

TEST(Yaml, WhatIsWrongIsToldWithItsPlace) {
  const std::pair<std::string, const char*> cases[] = {
      {"a: 1\nb: 2\na: 3", "f.yaml, line 3, column 1: the key a is given twice"},
      {"a: {b: 1, 'b': 2}", "f.yaml, line 1, column 11: the key b is given twice"},
      {"a: &x 1", "f.yaml, line 1, column 4: an anchor (&)"},
      {"a: &x {b: 1}", "f.yaml, line 1, column 4: an anchor (&)"},
      {"&x a: 1", "f.yaml, line 1, column 1: an anchor (&)"},
      {"a: &x 1\nb: *x", "anchor"},
      {"a: *x", "f.yaml, line 1, column 4: "},
      {"<<: {a: 1}", "merges (<<) are not known"},
      {"a: !!str 1", "tags (tag:yaml.org,2002:str) are not known"},
      {"a: !mine 1", "tags (!mine) are not known"},
      {"a: !!map {b: 1}", "tags (tag:yaml.org,2002:map)"},
      {"a: .inf", "f.yaml, line 1, column 4: an infinite number"},
      {"a: -.INF", "an infinite number"},
      {"a: .nan", "NaN is no number"},
      {"a: 1e999", "the number is too large"},
      {"a: 0xFFFFFFFFFFFFFFFFFF", "the number is too large"},
      {"1: a", "f.yaml, line 1, column 1: the key 1 is no text; put it in quotes"},
      {"true: a", "the key true is no text"},
      {"~: a", "a key must be text"},
      {"? [a]\n: b", "a key must be text"},
      {"? {a: b}\n: b", "a key must be text"},
      {"a: {b: 0,85}",
       "f.yaml, line 1, column 10: the key 85 is no text; a number has a decimal point"},
      {"a: {b: -12,5, c: 1}", "a decimal point: -12.5"},
      {"a: {b: x, 85}", "the key 85 is no text; put it in quotes"},
      {"a: [1, 2", "f.yaml, line 1: the [ in column 4 is not closed"},
      {"a: b: c", "f.yaml, line 1: a text with"},
      {"a:\n\t- b", "f.yaml, line 2: a tab in the indentation"},
      {"a: 'b", "f.yaml, line 1: the ' in column 4 is not closed"},
      {"a: \"\\q\"", "f.yaml, at or before line 1: "},
      {"", "f.yaml holds nothing"},
      {"# only words\n", "f.yaml holds nothing"},
      {"a: 1\n---\nb: 2", "f.yaml holds more than one document"},
      {"a: 1\nb: \xE9", "f.yaml, line 2, column 4: not UTF-8"},
      {std::string("a: \0b", 5), "f.yaml, line 1, column 4: not UTF-8"},
      {std::string(101, '[') + std::string(101, ']'), "line 1, column 101: more than 100 levels"},
      {std::string(100'000, '[') + std::string(100'000, ']'), "more than 100 levels"},
      {std::string(100'000, '['), "f.yaml, line 1: the [ in column 1 is not closed"},
      {std::string(100'000, '{'), "f.yaml, line 1: the { in column 1 is not closed"},
  };
  for (const auto& [yaml, told] : cases) {
    const auto read = yaml_as_json(yaml, "f.yaml");
    ASSERT_FALSE(read) << yaml.substr(0, 50) << " is " << read->json;
    EXPECT_EQ(read.error().code, ErrorCode::invalid_fields);
    EXPECT_NE(read.error().message.find(told), std::string::npos)
        << yaml.substr(0, 50) << ": " << read.error().message;
  }
}

TEST(Yaml, KeepsTheLinesOfItsMembers) {
  const auto read =
      yaml_as_json("nodes:\n  k:\n    inputs:\n      a/b: {input: x}\n  l: [1,\n 2]", "f.yaml");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->lines.at("/nodes/k"), 2);
  EXPECT_EQ(read->lines.at("/nodes/k/inputs/a~1b/input"), 4);
  EXPECT_EQ(read->lines.at("/nodes/l/1"), 6);
}

TEST(Yaml, AHundredLevelsAreRead) {
  EXPECT_TRUE(yaml_as_json(std::string(100, '[') + std::string(100, ']'), "f.yaml"));
}

}  // namespace
}  // namespace mecapy::cli
