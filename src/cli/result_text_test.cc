#include "cli/result_text.h"

#include <gtest/gtest.h>

namespace mecapy::cli {
namespace {

TEST(ResultText, EachNameHasALine) {
  const ResultText text = result_text(R"({"stress":0.10,"o":{"a":1,"b":{"c":"M12"}},"e":{}})");
  EXPECT_EQ(text.lines, "stress  0.10\no.a     1\no.b.c   \"M12\"\ne       {}\n");
  EXPECT_FALSE(text.shortened);
}

TEST(ResultText, WhatHasNoNamesIsOneLine) {
  EXPECT_EQ(result_text("6.4").lines, "6.4\n");
  EXPECT_EQ(result_text("\"a\"").lines, "\"a\"\n");
  EXPECT_EQ(result_text("[1, [2,{\"a\":3}], null]").lines, "[1, [2, {a: 3}], null]\n");
}

TEST(ResultText, ALongArrayShowsItsEndsAndItsShape) {
  std::string data = "0";
  for (int i = 1; i < 20; ++i) data += "," + std::to_string(i);
  const ResultText text = result_text(R"({"x":{"$type":"ndarray","dtype":"int64","shape":[4,5],)"
                                      R"("data":[)" +
                                      data + "]}}");
  EXPECT_EQ(text.lines, "x  [0, 1, 2, ..., 17, 18, 19]  4x5 int64\n");
  EXPECT_TRUE(text.shortened);
  EXPECT_EQ(result_text("[" + data + "]").lines, "[0, 1, 2, ..., 17, 18, 19]  20 items\n");
}

TEST(ResultText, AShortArrayIsWhole) {
  EXPECT_EQ(result_text(R"({"$type":"ndarray","dtype":"float64","shape":[2,2],)"
                        R"("data":[1.0,"nan","-inf",4.0],"mask":[false,false,false,true]})")
                .lines,
            "[[1.0, nan], [-inf, --]]  2x2 float64\n");
  EXPECT_EQ(
      result_text(R"({"$type":"ndarray","dtype":"complex128","shape":[1],"data":[[1.0,-2.0]]})")
          .lines,
      "[1.0-2.0j]  1 complex128\n");
}

TEST(ResultText, SpecialValuesAreAsAPersonWritesThem) {
  const auto shown = [](const char* json) { return result_text(json).lines; };
  EXPECT_EQ(shown(R"({"$type":"float","value":"nan"})"), "nan\n");
  EXPECT_EQ(shown(R"({"$type":"complex","value":[1.5,"inf"]})"), "1.5+infj\n");
  EXPECT_EQ(shown(R"({"$type":"datetime","value":"2026-11-26T18:00:00","zone":"Europe/Paris"})"),
            "2026-11-26 18:00:00 Europe/Paris\n");
  EXPECT_EQ(shown(R"({"$type":"datetime64","dtype":"datetime64[s]","value":null})"), "NaT\n");
  EXPECT_EQ(shown(R"({"$type":"timedelta64","dtype":"timedelta64[s]","value":12})"), "12 s\n");
  EXPECT_EQ(shown(R"({"$type":"timedelta","microseconds":1500000})"), "1.5 s\n");
  EXPECT_EQ(shown(R"({"p":{"$type":"artifact","name":"plot.png"}})"), "p  file plot.png\n");
  EXPECT_EQ(shown(R"({"$type":"dataframe","columns":["a","b"],"index":[0,1],)"
                  R"("data":[[1,2],["x","y"]],"dtypes":["int64","object"]})"),
            "   2 rows, 2 columns\na  [1, 2]\nb  [\"x\", \"y\"]\n");
}

TEST(ResultText, WhatIsNotKnownOrBrokenIsTheJson) {
  for (const char* json : {R"({"$type":"quaternion","value":[1,2]})", R"({"$type":"bytes"})"}) {
    EXPECT_EQ(result_text(json).lines, std::string(json) + "\n");
  }
  EXPECT_EQ(result_text(R"({"$type":"ndarray","shape":[9,99999999999],"data":[1]})").lines,
            "[1]  9x99999999999\n");
  EXPECT_EQ(result_text(R"({"$type":"series","data":7})").lines, "[]  0 rows\n");
}

TEST(ResultText, NothingHasPowerOverATerminal) {
  EXPECT_EQ(result_text(R"({"a\u001b":{"$type":"decimal","value":"\u001b[2J\n1"}})").lines,
            "a\\x1b  \\x1b[2J 1\n");
}

}  // namespace
}  // namespace mecapy::cli
