#include <gtest/gtest.h>

#include "cli/completion.h"
#include "cli/ending.h"
#include "cli/inputs.h"
#include "cli/text.h"

namespace mecapy::cli {
namespace {

TEST(Inputs, ValuesAreJsonOrText) {
  const auto inputs = read_inputs({"a=1", "b=[1,2]", "c=M12", "d=1E-1", "e=\"q\""});
  ASSERT_TRUE(inputs);
  EXPECT_EQ(*inputs, R"({"a":1,"b":[1,2],"c":"M12","d":1E-1,"e":"q"})");
}

TEST(Inputs, StandardInputIsReadForTheWholeOrForOneValue) {
  EXPECT_TRUE(reads_standard_input({"a=1", "@-"}));
  EXPECT_TRUE(reads_standard_input({"a = @-"}));
  EXPECT_FALSE(reads_standard_input({"a=1", "b=\"@-\"", "@a-"}));
}

TEST(Inputs, WordsGoOverWhatWasThereBefore) {
  EXPECT_EQ(*read_inputs({"b=3", "c=4"}, R"({"a":1.10,"b":2})"), R"({"a":1.10,"b":3,"c":4})");
  EXPECT_FALSE(read_inputs({"b=3"}, "[]"));
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

TEST(LimitWords, AServerGetsThoseThatAreNamed) {
  EXPECT_EQ(*limits_object({"timeout_s=2.5", "cpus=1", "timeout_s=3"}),
            R"({"timeout_s":3,"cpus":1})");
  EXPECT_EQ(*limits_object({}), "{}");
  EXPECT_FALSE(limits_object({"timeout=3"}));
}

TEST(Table, ColumnsLineUp) {
  EXPECT_EQ(table({{"a", "b"}, {"long", "c"}}), "a     b\nlong  c\n");
  EXPECT_EQ(table({{"\u00e9", "b"}, {"\x1b[31mlong\x1b[0m", "c"}}),
            "\u00e9     b\n\x1b[31mlong\x1b[0m  c\n");
}

TEST(Harmless, LeavesNothingThatHasPowerOverATerminal) {
  EXPECT_EQ(harmless("a\tb\nc\r\nd"), "a\tb\nc\nd");
  EXPECT_EQ(harmless("10 %\r20 %"), "10 %\n20 %");
  EXPECT_EQ(harmless("\x1b]0;title\x07"), "\\x1b]0;title\\x07");
  EXPECT_EQ(harmless("\u009b2J"), "\\u009b2J");  // CSI in one character
  EXPECT_EQ(harmless("a\u202eb"), "a\\u202eb");  // what follows would be turned round
  EXPECT_EQ(harmless("a\u00ad\U000e0041"), "a\\u00ad\\U000e0041");  // not to be seen
  EXPECT_EQ(harmless("\xff\xc3"), "\ufffd\ufffd");
  EXPECT_EQ(harmless("\u00e9 \u6f22 \U0001f600"), "\u00e9 \u6f22 \U0001f600");
  EXPECT_EQ(harmless(std::string_view("a\0b", 3)), "a\\x00b");
}

TEST(Harmless, OneLineIsOneAndNoLongerThanItMay) {
  EXPECT_EQ(harmless_line("a\nb\n"), "a b");
  EXPECT_EQ(harmless_line("\u00e9\u00e9\u00e9", 2), "\u00e9\u2026");
}

TEST(Harmless, JsonStaysTheSameValue) {
  EXPECT_EQ(harmless_json("{\"a\": \"\u009b\\u001b\x7f\"}\n"),
            "{\"a\": \"\\u009b\\u001b\\u007f\"}\n");
}

TEST(Harmless, JsonOfACharacterBeyondSixteenBitsIsEscapedInTwoHalves) {
  EXPECT_EQ(harmless_json("\"\U000e0041\""), "\"\\udb40\\udc41\"");
}

TEST(Words, TimesAndSizesAreForPeople) {
  EXPECT_EQ(duration(0.0008), "0.8 ms");
  EXPECT_EQ(duration(12.34), "12.3 s");
  EXPECT_EQ(duration(245), "4 min 5 s");
  EXPECT_EQ(duration(7400), "2 h 3 min");
  EXPECT_EQ(elapsed(3723.9), "1:02:03");
  EXPECT_EQ(size(12), "12 B");
  EXPECT_EQ(size(3500), "3.4 KiB");
  EXPECT_EQ(size(58'720'256), "56 MiB");
  EXPECT_EQ(parse_time("1970-01-01T00:01:00.500000Z"), 60.5);
  EXPECT_FALSE(parse_time("yesterday"));
}

TEST(Words, IdsAreShownAsFarAsTheyDiffer) {
  const std::string id = "01a2184d-5c10-7001-bd4d-bcb3065cf335";
  EXPECT_EQ(telling_length({id, "01a2184d-5c11-7001-bd4d-bcb3065cf335"}), 18u);
  EXPECT_EQ(telling_length({id, "01a2184d-5c10-7001-bd4e-bcb3065cf335"}), 23u);
  EXPECT_EQ(telling_length({id, "01a2184d-5c10-7001-bd4d-bcb3065cf336"}), 36u);
}

TEST(Words, AFailureShowsTheAuthorsLinesByTheNameOfHisFile) {
  model::Failure failure{model::OutcomeCode::timeout, "timeout: 1 s"};
  EXPECT_EQ(failure_text(failure, "a.py"), "mecapy: timeout: 1 s\n");
  failure.traceback = "  File \"calc.py\", line 3\n    \x1b[2J";
  failure.line = 3;
  EXPECT_EQ(failure_text(failure, "a.py"),
            "  File \"a.py\", line 3\n    \\x1b[2J\nmecapy: timeout (line 3): 1 s\n");
  const model::Failure syntax{model::OutcomeCode::invalid_code, "SyntaxError: line 2: '{'", "", 2};
  EXPECT_EQ(failure_text(syntax, "a.py"), "mecapy: invalid_code (line 2): SyntaxError: '{'\n");
  EXPECT_EQ(marked_line("x\n  def f(:\n", "a.py", {"/code", "", 2, 9}),
            "  File \"a.py\", line 2\n    def f(:\n          ^\n");
  EXPECT_EQ(marked_line("x\n", "a.py", {"/code", "", 7, 1}), "");
}

TEST(Completion, EachShellGetsEveryCommandFlagAndWord) {
  const Flag profile{{"--profile", "-p"}, "it's one", Takes::words, "a|b", {"a", "b"}};
  const Flag into{{"--output"}, "where to", Takes::folder, "FOLDER"};
  CommandWords run{"run", "G", "runs: now"};
  run.flags = {profile, into};
  run.operands = {{"FILE", "code", Takes::file, true}};
  CommandWords task{"task", "G", "tasks"};
  task.commands = {{"show", "", "one", "mecapy task show a"}};
  CommandWords program{"mecapy", "", "all"};
  program.commands = {run, task};
  for (const std::string& script :
       {bash_completion(program), zsh_completion(program), fish_completion(program)}) {
    for (const char* word : {"run", "task", "show", "profile", "output", "/task/show"})
      EXPECT_NE(script.find(word), std::string::npos) << word << "\n" << script;
  }
  EXPECT_EQ(reference(program),
            "## G\n\n### `mecapy run FILE [FLAG...]`\nRuns: now.\n\n| | |\n|---|---|\n"
            "| `FILE` | code |\n| `--profile, -p a\\|b` | it's one |\n"
            "| `--output FOLDER` | where to |\n\n### `mecapy task show`\nOne.\n\n"
            "```sh\nmecapy task show a\n```\n");
}

}  // namespace
}  // namespace mecapy::cli
