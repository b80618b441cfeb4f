// What a run that fails by itself is told: the one code, and the author's own lines.
#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "sandbox/sandbox_fixture.h"

namespace mecapy::sandbox {
namespace {

class Failures : public SandboxTest {};

TEST_F(Failures, SyntaxError_IsInvalidCodeWithItsPlace) {
  const Played run = play("def calculate(inputs):\n    return 1 +\n");
  EXPECT_EQ(run.code(), "invalid_code") << run.message();
  EXPECT_EQ(run.message(), "SyntaxError: line 2: invalid syntax");
  EXPECT_EQ(run.end.failure->line, 2);
  EXPECT_EQ(run.end.failure->column, 15);
}

TEST_F(Failures, NoCalculate_IsInvalidCode) {
  EXPECT_EQ(play("x = 1\n").code(), "invalid_code");
  EXPECT_EQ(play("calculate = 3\n").message(), "calculate is int, not a function");
  EXPECT_EQ(play(std::string("x = '\0'", 7)).code(), "invalid_code");
  EXPECT_EQ(play("x = " + std::string(5000, '(') + "\n").code(), "invalid_code");
}

TEST_F(Failures, Exception_ShowsTheAuthorsLinesOnly) {
  const Played run = play(R"(import json

def section(inputs):
    if inputs["section"] <= 0:
        raise ValueError("section must be > 0")

def calculate(inputs):
    try:
        json.loads("{")
    except ValueError as error:
        section(inputs)
)",
                          R"({"section": 0})");
  EXPECT_EQ(run.code(), "user_error") << run.message();
  EXPECT_EQ(run.message(), "ValueError: section must be > 0");
  EXPECT_EQ(run.end.failure->line, 5);
  const std::string& shown = run.end.failure->traceback;
  EXPECT_TRUE(has(shown, "File \"calc.py\", line 11, in calculate\n    section(inputs)"));
  EXPECT_TRUE(has(shown, "During handling of the above exception"));
  EXPECT_TRUE(has(shown, "python/json/decoder.py"));
  EXPECT_FALSE(has(shown, "harness"));
  EXPECT_FALSE(has(shown, "/mecapy"));
}

TEST_F(Failures, ExceptionInAPackage_NamesItWithoutPath) {
  const Played run = calculate("return np.linalg.solve(np.zeros((2, 2)), np.ones(2))");
  EXPECT_EQ(run.message(), "numpy.linalg.LinAlgError: Singular matrix");
  EXPECT_TRUE(has(run.end.failure->traceback, "site-packages/numpy/linalg"));
  EXPECT_EQ(run.end.failure->line, 5);
}

TEST_F(Failures, ExceptionWhoseTextRaises_IsStillToldApart) {
  const Played run = calculate(R"(
class Bad(Exception):
    def __str__(self): raise SystemExit(3)
raise Bad())");
  EXPECT_EQ(run.code(), "user_error") << run.message();
  EXPECT_TRUE(has(run.message(), "Bad"));
}

TEST_F(Failures, ResultThatCannotBeEncoded_NamesThePlace) {
  const Played run = calculate("return {'a': [0, 1, 2, len]}");
  EXPECT_EQ(run.code(), "invalid_result") << run.message();
  EXPECT_EQ(run.message(), "result['a'][3] is a function");
}

TEST_F(Failures, SysExit_IsNoResult) {
  const Played run = calculate("sys.exit(2)");
  EXPECT_EQ(run.code(), "invalid_result") << run.message();
  EXPECT_EQ(run.message(), "the calculation called sys.exit(2) before returning a result");
}

TEST_F(Failures, OsExit_IsNoResultOrACrash) {
  EXPECT_EQ(calculate("os._exit(0)").code(), "invalid_result");
  const Played run = calculate("os._exit(3)");
  EXPECT_EQ(run.code(), "crashed") << run.message();
  EXPECT_EQ(run.message(), "the calculation ended its process with exit status 3 and no result");
}

TEST_F(Failures, SegmentationFault_IsACrashWithItsName) {
  const Played run = calculate("ctypes.string_at(0)");
  EXPECT_EQ(run.code(), "crashed") << run.message();
  EXPECT_TRUE(has(run.message(), "SIGSEGV (Segmentation fault)"));
}

// --- limits ---

}  // namespace
}  // namespace mecapy::sandbox
