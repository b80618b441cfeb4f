#include "base/log.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <random>

#include "base/utf8.h"

namespace mecapy::base {
namespace {

const LogHead kHead{TimePoint(std::chrono::microseconds(1'763'892'000'123'456)), LogLevel::warn,
                    "api"};

TEST(LogLine, ForPeopleItIsAMessageAndItsFields) {
  EXPECT_EQ(log_line(LogFormat::text, kHead, "run ended",
                     {{"run", "0198-a"}, {"attempt", 2}, {"ms", 1.5}, {"error", "two words"}}),
            "2025-11-23T10:00:00.123Z warn api: run ended run=0198-a attempt=2 ms=1.5 "
            "error=\"two words\"");
}

TEST(LogLine, ForProgramsItIsOneObject) {
  const auto line =
      boost::json::parse(log_line(LogFormat::json, kHead, "run ended", {{"attempt", 2}}));
  const auto expected = boost::json::parse(
      R"({"ts":"2025-11-23T10:00:00.123Z","level":"warn","role":"api","message":"run ended","attempt":2})");
  EXPECT_EQ(line, expected);
}

TEST(LogLine, AnEmptyTextIsLeftOut) {
  EXPECT_EQ(log_line(LogFormat::text, kHead, "m", {{"request", ""}, {"n", 0}}),
            "2025-11-23T10:00:00.123Z warn api: m n=0");
}

TEST(LogLine, AValueCannotPassForAField) {
  const std::string line =
      log_line(LogFormat::text, kHead, "m", {{"error", "x run=other"}, {"user", "a\"b"}});
  EXPECT_TRUE(line.ends_with(R"(m error="x run=other" user="a\"b")")) << line;
}

TEST(LogLine, ALongValueIsCutBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "é";
  const std::string line = log_line(LogFormat::json, kHead, "m", {{"error", text}});
  EXPECT_LT(line.size(), 800u);
  const auto value = boost::json::parse(line).as_object().at("error").as_string();
  EXPECT_TRUE(std::string_view(value).ends_with("é..."));
}

TEST(LogLine, NothingThatEndsALineOrSteersATerminalGetsThrough) {
  for (const std::string_view unseen :
       {"\n", "\r", "\x1b[31m", "\x7f", "\xc2\x85", "\xc2\x9b", "\xe2\x80\xa8", "\xe2\x80\xa9",
        "\xe2\x80\xae", "\xe2\x81\xa6", "\xef\xbb\xbf"}) {
    const std::string text = escaped(std::string("a") + std::string(unseen) + "b");
    EXPECT_EQ(text.substr(0, 2), "a\\") << text;
    EXPECT_EQ(text.find(unseen), std::string::npos) << text;
  }
  EXPECT_EQ(escaped(std::string_view("\0", 1)), "\\u0000");
}

TEST(LogLine, BytesThatAreNoTextAreReplaced) {
  EXPECT_EQ(escaped("a\xff\xc3"), "a\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(escaped("\xed\xa0\x80").find("\xed\xa0\x80"), std::string::npos);  // half of a pair
}

// Any bytes: the line is one line, valid JSON, and gives back the members it was given.
TEST(LogLine, NoBytesForgeALineOrAMember) {
  std::minstd_rand random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 40, '\0');
    static constexpr std::string_view kOften = "\"\\\n\r{}:,=\x00\xe2\x80\xa8";
    for (char& c : bytes) {
      c = random() % 2 == 0 ? kOften[random() % kOften.size()] : static_cast<char>(random());
    }
    const std::string line =
        log_line(LogFormat::json, kHead, "m", {{"error", bytes}, {"run", "r"}});
    ASSERT_EQ(line.find_first_of("\n\r"), std::string::npos);
    boost::system::error_code ec;
    const auto value = boost::json::parse(line, ec);
    ASSERT_FALSE(ec) << line;
    const auto& object = value.as_object();
    ASSERT_EQ(object.size(), bytes.empty() ? 5u : 6u) << line;
    ASSERT_EQ(object.at("run"), "r");
    ASSERT_EQ(object.at("message"), "m");
    const std::string text = log_line(LogFormat::text, kHead, "m", {{"error", bytes}});
    ASSERT_EQ(text.find_first_of("\n\r"), std::string::npos);
  }
}

}  // namespace
}  // namespace mecapy::base
