#include "wire/pointer.h"

#include <gtest/gtest.h>

#include <string>

namespace mecapy::wire {
namespace {

constexpr std::string_view kJoint =
    R"( {"k": {"a/b": 1.10, "m~n": [10, {"x": null}, "t\"]"]}, "": 7, "01": 8} )";

std::string at(std::string_view pointer) {
  return std::string(value_at(kJoint, pointer).value_or("nothing"));
}

TEST(Pointer, LeadsToTheBytesThatStandThere) {
  EXPECT_EQ(at("/k/a~1b"), "1.10");
  EXPECT_EQ(at("/k/m~0n/0"), "10");
  EXPECT_EQ(at("/k/m~0n/1"), R"({"x": null})");
  EXPECT_EQ(at("/k/m~0n/1/x"), "null");
  EXPECT_EQ(at("/k/m~0n/2"), R"("t\"]")");
  EXPECT_EQ(at("/"), "7");
  EXPECT_EQ(at("/01"), "8");
  EXPECT_EQ(at("").front(), '{');
  EXPECT_EQ(at("").back(), '}');
}

TEST(Pointer, ToNoPlace_IsNothing) {
  for (const char* pointer : {"/K", "/k/", "/k/m~0n/3", "/k/m~0n/01", "/k/m~0n/-", "/k/m~0n/x",
                              "/k/a~1b/0", "/k/m~0n/99999999999999999999", "k", "/k/m~0n/0/"}) {
    EXPECT_EQ(at(pointer), "nothing") << pointer;
  }
  EXPECT_FALSE(value_at("3", "/0"));
  EXPECT_EQ(value_at(" 3 ", ""), "3");
}

}  // namespace
}  // namespace mecapy::wire
