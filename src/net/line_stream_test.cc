#include "net/line_stream.h"

#include <gtest/gtest.h>

namespace mecapy::net {
namespace {

using Line = std::optional<std::string>;

TEST(LineCutter, Pieces_AreCutAtTheirNewlines) {
  LineCutter cutter(100);
  EXPECT_EQ(cutter.line().value(), Line());
  cutter.add("on");
  EXPECT_EQ(cutter.line().value(), Line());
  cutter.add("e\n\ntwo\nthr");
  EXPECT_EQ(cutter.line().value(), Line("one"));
  EXPECT_EQ(cutter.line().value(), Line(""));
  EXPECT_EQ(cutter.line().value(), Line("two"));
  EXPECT_EQ(cutter.line().value(), Line());
  EXPECT_EQ(cutter.rest(), Line("thr"));
  EXPECT_EQ(cutter.rest(), Line());
}

TEST(LineCutter, ALineOverTheLimit_IsTooLarge) {
  LineCutter cutter(8);
  cutter.add("12345678");
  EXPECT_TRUE(cutter.line());
  cutter.add("9");
  EXPECT_EQ(cutter.line().error().code, ErrorCode::too_large);
}

}  // namespace
}  // namespace mecapy::net
