// A workflow's file as a server keeps it.
#pragma once

#include <optional>
#include <string>

#include "cli/workflow_file.h"
#include "main/remote.h"

namespace mecapy::main {

// What is kept, and whether it was so before.
struct KeptWorkflow {
  enum class Done : std::uint8_t { made, changed, nothing };
  std::string json;
  std::string id;
  std::string name;
  int version = 0;
  Done done = Done::nothing;
};

// Keeps the file, its tasks first (workflow_tasks.h), as a workflow of its name (workflow_file.h)
// or of `name`: a new one, or another version of the one that there is, unless nothing has changed.
// It runs the code that it was kept with, whatever becomes of its tasks. usage when there are
// several. Errors of the server are told with the file's lines.
awaitable<Result<KeptWorkflow>> keep_workflow(Remote& remote, const cli::WorkflowFile& file,
                                              std::optional<std::string> name,
                                              std::optional<std::string> description);

// One line on stderr.
void tell_kept(const Remote& remote, const KeptWorkflow& kept);

}  // namespace mecapy::main
