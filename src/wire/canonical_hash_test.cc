#include "wire/canonical_hash.h"

#include <gtest/gtest.h>

#include <set>

namespace mecapy::wire {
namespace {

std::string hash_of(std::string_view text) { return canonical_hash(text, MemberOrder::free); }

TEST(CanonicalHash, TheSameSaidOtherwise_IsTheSame) {
  const std::pair<const char*, const char*> same[] = {
      {R"({"a":1,"b":[1.5,null]})", " { \"b\" : [ 1.50 , null ] ,\n\"a\" : 1 } "},
      {R"({"a":{"x":1,"y":2}})", R"({"a":{"y":2,"x":1}})"},
      {"1.0", "1e0"},
      {"100.0", "1.0E+2"},
      {"0", "-0"},
      {R"("é/")", R"("\u00e9\/")"},
      {R"({"a":1,"a":2})", R"({"a":2})"},
  };
  for (const auto& [one, other] : same) {
    EXPECT_EQ(hash_of(one), hash_of(other)) << one << " and " << other;
  }
}

TEST(CanonicalHash, WhereTheOrderCounts_ItDoesInAllButTheOutermost) {
  const auto ordered = [](std::string_view text) {
    return canonical_hash(text, MemberOrder::counts_below);
  };
  const std::pair<const char*, const char*> same[] = {
      {R"({"a":1,"b":{"x":1,"y":2}})", R"({ "b":{"x":1 ,"y":2},"a":1})"},
      {R"({"a":1,"a":2})", R"({"a":2})"},
  };
  for (const auto& [one, other] : same) EXPECT_EQ(ordered(one), ordered(other)) << one;
  const std::pair<const char*, const char*> different[] = {
      {R"({"b":{"x":1,"y":2}})", R"({"b":{"y":2,"x":1}})"},
      {R"([{"x":1,"y":2}])", R"([{"y":2,"x":1}])"},
      {R"({"b":{"x":1,"x":2}})", R"({"b":{"x":2,"x":1}})"},
  };
  for (const auto& [one, other] : different) EXPECT_NE(ordered(one), ordered(other)) << one;
}

TEST(CanonicalHash, WhatDiffersInPython_Differs) {
  const char* different[] = {"1",
                             "1.0",
                             "-1",
                             "0.0",
                             "-0.0",
                             "\"1\"",
                             "true",
                             "false",
                             "null",
                             "\"\"",
                             "\"null\"",
                             "{}",
                             "[]",
                             "[[]]",
                             "[{}]",
                             R"({"a":[]})",
                             R"({"a":{}})",
                             R"(["a",[]])",
                             "[1,2]",
                             "[2,1]",
                             "[12]",
                             "[[1],2]",
                             "[[1,2]]",
                             "[1,[2]]",
                             R"({"a":1,"b":2})",
                             R"({"a":2,"b":1})",
                             R"({"a":1,"b":{"c":2}})",
                             R"({"a":{"b":1},"c":2})",
                             "9007199254740993",
                             "9007199254740992",
                             "123456789012345678901234567890",
                             "123456789012345678901234567891",
                             "0.1",
                             "0.10000000000000002",
                             "1e400",
                             "-1e400",
                             R"("a\u0000b")",
                             R"("a")",
                             R"(["a","b"])",
                             R"(["a\",\"b"])"};
  std::set<std::string> hashes;
  for (const char* text : different) {
    EXPECT_TRUE(hashes.insert(hash_of(text)).second) << text;
  }
}

TEST(CanonicalHash, DeepArrays_DifferByTheirDepth) {
  const std::size_t depth = 500;
  const std::string deep = std::string(depth, '[') + std::string(depth, ']');
  EXPECT_NE(hash_of(deep), hash_of("[" + deep + "]"));
}

// An object of members k0 ... k999, each of the same content, from `first` on and around.
std::string large_object(int first, const std::string& content) {
  std::string members;
  for (int i = 0; i < 1000; ++i) {
    const std::string number = std::to_string((first + i) % 1000);
    members += (i == 0 ? "" : ",") + ("\"k" + number + "\":[" + number + "," + content + "]");
  }
  return "{" + members + "}";
}

TEST(CanonicalHash, LargeObjects_AreTheSameInAnyOrderAtAnyDepth) {
  const std::string one = large_object(0, "[]");
  const std::string other = large_object(617, "[]");
  EXPECT_EQ(hash_of(one), hash_of(other));
  EXPECT_EQ(hash_of(R"({"b":)" + one + R"(,"a":1})"), hash_of(R"({"a":1,"b":)" + other + "}"));
  EXPECT_EQ(hash_of(R"({"a":)" + one + R"(,"a":2})"), hash_of(R"({"a":2})"));
  EXPECT_NE(hash_of(one), hash_of(large_object(0, "{}")));
  EXPECT_NE(hash_of("[" + one + "]"), hash_of(one));
  EXPECT_NE(hash_of("[" + one + "," + one + "]"), hash_of("[" + one + "]"));
}

}  // namespace
}  // namespace mecapy::wire
