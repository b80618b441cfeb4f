#include <gtest/gtest.h>

#include "cli/inputs.h"

namespace mecapy::cli {
namespace {

TEST(Inputs, ValuesAreJsonOrText) {
  const auto inputs = read_inputs({"a=1", "b=[1,2]", "c=M12", "d=1E-1", "e=\"q\"", "a=2"});
  ASSERT_TRUE(inputs);
  EXPECT_EQ(*inputs, R"({"a":2,"b":[1,2],"c":"M12","d":1E-1,"e":"q"})");
}

TEST(Inputs, SpacesAroundNameAndValueDoNotCount) {
  EXPECT_EQ(*read_inputs({"force = 1", " name=M12 x 1 "}), R"({"force":1,"name":"M12 x 1"})");
  EXPECT_FALSE(read_inputs({" =1"}));
}

TEST(Inputs, ADecimalCommaIsDoubtful) {
  const auto doubts = doubts_about_inputs({"force=1,5", "list=[1,5]", "text=a,b", "n=1.5", "@f,1"});
  ASSERT_EQ(doubts.size(), 1u);
  EXPECT_EQ(doubts[0], R"(force is text "1,5"; decimals take a point)");
}

TEST(Inputs, AWordThatIsNeitherIsNamed) {
  for (const char* word : {"x", "=1", "@/does/not/exist"}) {
    const auto inputs = read_inputs({word});
    ASSERT_FALSE(inputs) << word;
    EXPECT_EQ(inputs.error().code, ErrorCode::usage);
  }
}

TEST(LimitWords, UnknownNamesGetTheNearest) {
  EXPECT_EQ(read_limits({"timeout_s=2.5"})->timeout_s, 2.5);
  const auto wrong = read_limits({"timeout=2"});
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("timeout_s"), std::string::npos);
  EXPECT_FALSE(read_limits({"timeout_s=soon"}));
}

TEST(LimitWords, WhatIsNotNamedStays) {
  model::Limits limits;
  limits.timeout_s = 10;
  EXPECT_EQ(read_limits({"cpus=0.5"}, limits)->timeout_s, 10);
}

TEST(Table, ColumnsLineUp) { EXPECT_EQ(table({{"a", "b"}, {"long", "c"}}), "a     b\nlong  c\n"); }

}  // namespace
}  // namespace mecapy::cli
