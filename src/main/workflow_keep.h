// A workflow's file and what of it a server keeps: the tasks of its nodes, and the workflow.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "cli/workflow_file.h"
#include "main/remote.h"

namespace mecapy::main {

// The ids of the tasks that the file names, by its words: an id is itself; a file of Python is kept
// as a task of its name, or changes that one where its code differs, which is told on stderr; else
// a name, or the beginning of an id. invalid_fields, before anything is kept, tells each word
// that means no task or several (with their ids); invalid_code comes with the author's line, told.
awaitable<Result<std::map<std::string, std::string>>> keep_tasks(Remote& remote,
                                                                 const cli::WorkflowFile& file);

// What is kept, and whether it was so before.
struct KeptWorkflow {
  enum class Done : std::uint8_t { made, changed, nothing };
  std::string json;
  std::string id;
  std::string name;
  int version = 0;
  Done done = Done::nothing;
};

// Keeps the file as a workflow of the name that it has or is given, else of the file's own (of
// workflow.yaml that of its folder): a new one, or another version of the one that there is, unless
// nothing has changed. usage when there are several. Errors of the server are told with the file's
// lines.
awaitable<Result<KeptWorkflow>> keep_workflow(Remote& remote, const cli::WorkflowFile& file,
                                              std::optional<std::string> name,
                                              std::optional<std::string> description);

// One line on stderr.
void tell_kept(const Remote& remote, const KeptWorkflow& kept);

}  // namespace mecapy::main
