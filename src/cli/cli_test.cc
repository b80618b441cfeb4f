#include <gtest/gtest.h>

#include "cli/inputs.h"

namespace mecapy::cli {
namespace {

TEST(Inputs, ValuesAreJsonOrText) {
  const auto inputs = read_inputs({"a=1", "b=[1,2]", "c=M12", "d=1E-1", "e=\"q\"", "a=2"});
  ASSERT_TRUE(inputs);
  EXPECT_EQ(*inputs, R"({"a":2,"b":[1,2],"c":"M12","d":1E-1,"e":"q"})");
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

TEST(Table, ColumnsLineUp) { EXPECT_EQ(table({{"a", "b"}, {"long", "c"}}), "a     b\nlong  c\n"); }

}  // namespace
}  // namespace mecapy::cli
