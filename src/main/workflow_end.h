// How a run of a workflow ended, for who asked for it, and as an exit status.
#pragma once

#include <string>

#include "cli/workflow_advice.h"
#include "main/remote.h"

namespace mecapy::main {

// What becomes of its end.
struct WorkflowEndWords {
  cli::WorkflowAsked asked{};
  std::string output{};  // folder to keep files of its nodes in; "" keeps none
};

// The run of a workflow, once it has ended: figures, files, what failed and went on without a
// result, which node failed it and why, and what to do, on stderr; the outputs (or, as JSON, the
// whole run) on stdout. Its exit status: 0, that of its error's code, or kInterrupted for one that
// was cancelled.
awaitable<Result<int>> tell_workflow_end(Remote& remote, std::string run_id,
                                         WorkflowEndWords words);

}  // namespace mecapy::main
