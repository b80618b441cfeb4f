#include <gtest/gtest.h>

#include <set>

#include "base/age.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file_name.h"
#include "base/id.h"
#include "base/jitter.h"
#include "base/loopback.h"
#include "base/nearest.h"
#include "base/problems.h"
#include "base/recent.h"
#include "base/utf8.h"

namespace mecapy::base {
namespace {

TEST(ErrorTable, HasOneRowForEachCodeInOrder) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < error_table().size(); ++i) {
    const ErrorRow& r = error_table()[i];
    EXPECT_EQ(static_cast<std::size_t>(r.code), i) << r.name;
    EXPECT_TRUE(names.insert(r.name).second) << r.name;
    EXPECT_GE(r.http_status, 400) << r.name;
    EXPECT_NE(r.exit_code, 0) << r.name;
  }
  EXPECT_EQ(row(ErrorCode::internal).name, "internal");
  EXPECT_EQ(error_table().size(), static_cast<std::size_t>(ErrorCode::internal) + 1);
}

TEST(Jitter, IsDrawnFromTheUpperHalfOfTheLongestPauseAndAllOfIt) {
  using std::chrono::milliseconds;
  std::set<milliseconds> drawn;
  for (int i = 0; i < 1000; ++i) drawn.insert(jittered(milliseconds(10)));
  const std::set<milliseconds> range = {milliseconds(5), milliseconds(6), milliseconds(7),
                                        milliseconds(8), milliseconds(9), milliseconds(10)};
  EXPECT_EQ(drawn, range);  // one left out in a thousand draws: never
}

TEST(Uuid7, IsMonotonicAndWellFormed) {
  std::string last;
  for (int i = 0; i < 20'000; ++i) {
    const std::string id = make_uuid7();
    ASSERT_TRUE(is_uuid(id)) << id;
    ASSERT_EQ(id[14], '7');
    ASSERT_NE(std::string_view("89ab").find(id[19]), std::string_view::npos);
    ASSERT_LT(last, id);
    last = id;
  }
}

TEST(Uuid, RefusesWhatIsNone) {
  for (const char* text :
       {"", "x", "01890A5D-AC96-774B-BCCE-B302099A8057", "01890a5dac96774bbcceb302099a8057",
        "01890a5d-ac96-774b-bcce-b302099a805g", "01890a5d-ac96-774b-bcce-b302099a80577"}) {
    EXPECT_FALSE(is_uuid(text)) << text;
  }
}

TEST(Clock, WritesRfc3339WithMicroseconds) {
  const TimePoint t{std::chrono::microseconds(1'795'430'400'000'001)};
  EXPECT_EQ(to_rfc3339(t), "2026-11-23T10:40:00.000001Z");
}

TEST(Nearest, FindsTheMeantWordAndNothingForAStranger) {
  EXPECT_EQ(nearest("timout_s", {"timeout_s", "memory_mb"}), "timeout_s");
  EXPECT_EQ(nearest("zzzzzz", {"timeout_s", "memory_mb"}), "");
  EXPECT_EQ(nearest("ab", {"abcdefghij", "abd"}), "abd");
  EXPECT_EQ(nearest("memory", {"me", "memory_gb_of_all", "memry"}), "memory_gb_of_all");
  EXPECT_EQ(nearest("sprin", {"spring-sdk", "spring", "springs"}), "spring");
  EXPECT_EQ(nearest("abcdefghi", {"xxxdefghi", "abcdefxxx"}), "xxxdefghi");
}

TEST(Problems, OfMoreThanSomebodyReadsTheNumberIsTold) {
  Problems some;
  EXPECT_TRUE(some.empty());
  for (std::size_t i = 0; i < kMostProblems; ++i) some.tell("/" + std::to_string(i), "is wrong");
  EXPECT_EQ(Problems(some).all().size(), kMostProblems);
  for (int i = 0; i < 3; ++i) some.tell("/more", "is wrong");
  const std::vector<FieldProblem> all = std::move(some).all();
  ASSERT_EQ(all.size(), kMostProblems + 1);
  EXPECT_EQ(all[kMostProblems - 1].pointer, "/199");
  EXPECT_EQ(all.back().pointer, "");
  EXPECT_EQ(all.back().detail, "and 3 more problems");
}

TEST(Problems, NamesAreLookedForOfTheFirstOnly) {
  Problems some;
  for (std::size_t i = 0; i < kMostSuggestions; ++i) {
    EXPECT_EQ(some.instead("torqe", {"bolt", "torque"}), "; did you mean \"torque\"?");
  }
  EXPECT_EQ(some.instead("torqe", {"bolt", "torque"}), "");
  EXPECT_EQ(Problems().instead("x", {"bolt"}), "");
}

TEST(Problems, APlaceOfAnyLengthIsToldInWholeCharacters) {
  Problems some;
  some.tell("/" + std::string(kLongestProblemPlace - 2, 'a') + "\u00e9", "is wrong");
  EXPECT_EQ(std::move(some).all().front().pointer,
            "/" + std::string(kLongestProblemPlace - 2, 'a'));
}

TEST(Recent, ForgetsWhatWasUsedLongestAgo_WhenItWeighsTooMuch) {
  Recent<int, std::string> known(10);
  known.put(1, "one", 4);
  known.put(2, "two", 4);
  known.put(1, "other", 4);
  EXPECT_EQ(*known.find(1), "one");
  known.put(3, "three", 6);
  EXPECT_EQ(known.find(2), nullptr);
  EXPECT_NE(known.find(1), nullptr);
  known.put(4, "more than all", 11);
  for (int key = 1; key <= 4; ++key) EXPECT_EQ(known.find(key), nullptr);
  known.put(5, "five", 10);
  EXPECT_EQ(*known.find(5), "five");
}

TEST(Utf8, WhatAStrangerSaid_IsOneLineOfWholeCharacters) {
  EXPECT_EQ(one_line("a\nb\r\x1b[1m\x7f", 100), "a b  [1m ");
  EXPECT_EQ(one_line("\xc3\xa9 \xff\xe2\x82", 100), "\xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(one_line("ab\xc3\xa9", 3), "ab");
  EXPECT_EQ(one_line("", 3), "");
}

TEST(Utf8, TheFirstCharactersAreWhole) {
  EXPECT_EQ(first_characters("a\u00e9\u2194b", 3), "a\u00e9\u2194");
  EXPECT_EQ(first_characters("a\u00e9\u2194b", 4), "a\u00e9\u2194b");
  EXPECT_EQ(first_characters("a", 0), "");
}

TEST(Utf8, ACharacterCutOffAtTheEndIsLeftForLater) {
  const std::string text = "a\u00e9\u2194\U0001d6d4";
  const std::set<std::size_t> ends = {0, 1, 3, 6, 10};
  for (std::size_t n = 0; n <= text.size(); ++n) {
    const std::size_t whole = *std::prev(ends.upper_bound(n));
    EXPECT_EQ(whole_characters(text.substr(0, n)).size(), whole) << n;
  }
  EXPECT_EQ(whole_characters("a\xff").size(), 2u);  // which is no beginning
  EXPECT_EQ(whole_characters("\x80\x80\x80\x80").size(), 4u);
}

TEST(FileName, WhatCannotBeSeenOrTurnsTheTextRound_IsRefused) {
  for (const std::string bad :
       {"a\xc2\x85.txt",
        "a\xe2\x80\xae"
        "gpj.exe",
        "\xe2\x80\x8b",
        "\xef\xbb\xbf"
        "a",
        "\xed\xa0\x80", "\xc3", "\xff", "\xc0\xaf", "\xee\x80\x80", "a\x7f", "\xf3\xa0\x80\xa1"}) {
    EXPECT_FALSE(is_file_name(bad)) << bad;
  }
  EXPECT_TRUE(is_file_name("\xf0\x9f\x94\xa9 \xe6\x9c\xac.csv"));
}

TEST(FileName, AttachmentIsSavedUnderItsName) {
  EXPECT_EQ(attachment("plot 1.png"),
            "attachment; filename=\"plot 1.png\"; filename*=UTF-8''plot%201.png");
  EXPECT_EQ(attachment("\xc3\xa9t\xc3\xa9;%.csv"),
            "attachment; filename=\"_t_;%.csv\"; filename*=UTF-8''%C3%A9t%C3%A9%3B%25.csv");
}

TEST(Loopback, OnlyAddressesAndNamesOfThisMachine_AreHere) {
  for (const std::string_view host : {"localhost", "127.0.0.1", "127.8.9.10", "::1", "[::1]"}) {
    EXPECT_TRUE(is_loopback(host)) << host;
  }
  for (const std::string_view host :
       {std::string_view(""), std::string_view("127."), std::string_view("127.0.0.1.example.org"),
        std::string_view("127.example.org"), std::string_view("localhost.example.org"),
        std::string_view("10.0.0.1"), std::string_view("128.0.0.1"), std::string_view("0.0.0.0"),
        std::string_view("127.0.0.1\0.example.org", 21)}) {
    EXPECT_FALSE(is_loopback(host)) << host;
  }
}

TEST(Age, IsInTheLargestUnitThatFits) {
  EXPECT_EQ(age(100, 112.5), "12 s ago");
  EXPECT_EQ(age(100, 300), "3 min ago");
  EXPECT_EQ(age(100, 90), "0 s ago");
  EXPECT_EQ(age(1'790'000'000, 1'800'000'000), "2026-09-21");
}

}  // namespace
}  // namespace mecapy::base
