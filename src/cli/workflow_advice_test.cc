#include "cli/workflow_advice.h"

#include <gtest/gtest.h>

namespace mecapy::cli {
namespace {

const WorkflowAsked kFile{"vessel.yaml", {{"mesh", "steps/mesh.py"}, {"load", "plus one"}}};

const std::string kOtherInputs =
    "  -> with other inputs: mecapy workflow run vessel.yaml ...; what is unchanged is reused\n";

TEST(WorkflowAdvice, ItsOwnFailureIsMendedInItsCode) {
  for (const char* code : {"user_error", "invalid_code", "invalid_result", "crashed"}) {
    EXPECT_EQ(workflow_advice({"ID", false, "mesh", code}, kFile),
              "  -> mend steps/mesh.py; mecapy workflow create vessel.yaml; mecapy workflow resume "
              "ID --version mesh=latest\n" +
                  kOtherInputs);
  }
  EXPECT_EQ(
      workflow_advice({"ID", false, "load", "user_error"}, kFile),
      "  -> mend the code of its task; mecapy task update 'plus one' FILE.py; mecapy workflow "
      "resume ID --version load=latest\n" +
          kOtherInputs);
  EXPECT_EQ(
      workflow_advice({"ID", false, "mesh", "user_error"}, {"vessel", {}}),
      "  -> mend its code and keep it (mecapy workflow create FILE.yaml, or mecapy task "
      "update TASK FILE.py); mecapy workflow resume ID --version mesh=latest\n"
      "  -> with other inputs: mecapy workflow run vessel ...; what is unchanged is reused\n");
}

TEST(WorkflowAdvice, WhatIsWrongWithInputsIsRunAgain) {
  for (const char* code : {"invalid_inputs", "not_found"}) {
    EXPECT_EQ(workflow_advice({"ID", false, "mesh", code}, kFile),
              "  -> to resume it does not help: mend the definition or the inputs, and run it "
              "again: mecapy workflow run vessel.yaml ...; what is unchanged is reused\n");
  }
  EXPECT_NE(workflow_advice({"ID", false, "", "invalid_inputs"}, {}).find("run WORKFLOW ..."),
            std::string::npos);
}

TEST(WorkflowAdvice, WhatPassesIsResumed) {
  const std::string resumed =
      "  -> mecapy workflow resume ID goes on from there; what is completed stays";
  for (const char* code :
       {"worker_lost", "internal", "budget_exhausted", "cancelled", "unheard of"})
    EXPECT_EQ(workflow_advice({"ID", false, "mesh", code}, kFile), resumed + "\n");
  EXPECT_EQ(workflow_advice({"ID", true, "mesh", "user_error"}, kFile), resumed + "\n");
  EXPECT_EQ(workflow_advice({"ID", false, "mesh", "out_of_memory"}, kFile),
            resumed + "; with --version mesh=latest by limits raised meanwhile\n");
  EXPECT_EQ(workflow_advice({"ID", false, "mesh", "timeout", "timeout_s"}, kFile),
            "  -> to resume it does not help: the limit is the node's own (timeout_s in the "
            "workflow): raise it there, keep it, and run it again: mecapy workflow run vessel.yaml "
            "...; what is unchanged is reused\n");
}

TEST(WorkflowAdvice, NamesOfAServerAreNoCommands) {
  for (const char* node : {"a; rm -rf x", "$(x)", "", "-f", "\x1b]0;owned\x07"}) {
    const std::string told = workflow_advice({"ID", false, node, "user_error"}, {});
    EXPECT_NE(told.find("--version NODE=latest\n"), std::string::npos) << told;
    EXPECT_EQ(elements_advice("ID", node),
              "  -> mecapy workflow show ID --node NODE tells which, and why\n");
  }
  const std::string told =
      workflow_advice({"ID", false, "n", "user_error"}, {"it's.yaml", {{"n", "n\x1b.py"}}});
  EXPECT_NE(told.find("create 'it'\\''s.yaml';"), std::string::npos) << told;
  EXPECT_EQ(told.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace mecapy::cli
