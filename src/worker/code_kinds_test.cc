#include "worker/code_kinds.h"

#include <gtest/gtest.h>

#include <string>

namespace mecapy::worker {
namespace {

using sandbox::ZygoteKind;

constexpr const char* kPlot = "import matplotlib.pyplot as plt\ndef calculate(i): return 1";

TEST(CodeKinds, CodeWithoutPackages_IsBare) {
  CodeKinds kinds;
  EXPECT_EQ(kinds.find("import math\ndef calculate(i): return 1"), ZygoteKind::bare);
  EXPECT_EQ(kinds.find("import numpy as np"), ZygoteKind::numpy);
}

TEST(CodeKinds, AMentionOfALargePackage_IsLookedAtFirst) {
  CodeKinds kinds;
  EXPECT_EQ(kinds.find(kPlot), std::nullopt);
  kinds.learn(kPlot, R"({"imports": ["math", "matplotlib", "numpy"]})");
  EXPECT_EQ(kinds.find(kPlot), ZygoteKind::matplotlib);
}

TEST(CodeKinds, AMentionThatIsNoImport_IsBare) {
  CodeKinds kinds;
  const std::string code = "# no pandas here\ndef calculate(i): return 1";
  kinds.learn(code, R"({"imports": []})");
  EXPECT_EQ(kinds.find(code), ZygoteKind::bare);
}

TEST(CodeKinds, HostileAnswers_ChooseNothing) {
  CodeKinds kinds;
  int number = 0;
  for (const char* answer : {"", "null", "[]", "{", R"({"imports": "scipy"})",
                             R"({"imports": [1, null, "scipy2", "../scipy"]})"}) {
    const std::string code = "import scipy #" + std::to_string(++number);
    kinds.learn(code, answer);
    EXPECT_EQ(kinds.find(code), ZygoteKind::bare) << answer;
  }
}

TEST(CodeKinds, TheOldestIsForgotten) {
  CodeKinds kinds;
  const auto code = [](int i) { return "import scipy #" + std::to_string(i); };
  for (int i = 0; i < 1025; ++i) {
    kinds.learn(code(i), R"({"imports": ["scipy"]})");
    EXPECT_EQ(kinds.find(code(0)).has_value(), i <= 1024);  // used, so it stays
  }
  EXPECT_EQ(kinds.find(code(1)), std::nullopt);
  EXPECT_EQ(kinds.find(code(1024)), ZygoteKind::scipy);
}

}  // namespace
}  // namespace mecapy::worker
