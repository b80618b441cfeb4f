// The tasks that a workflow's file names, as a server keeps them.
#pragma once

#include <string>

#include "cli/workflow_file.h"
#include "main/remote.h"

namespace mecapy::main {

// What the words of the file mean. An id is itself; else a word is a task's name, or the beginning
// of an id. A file of Python is kept as the task WORKFLOW/STEM, of which `workflow` is the first
// half: a new one, or, where the code differs, another version of the one that was changed last of
// those that have the name, which is told on stderr. That version is then meant, unless the node
// says one itself, which must have the file's code. invalid_fields, before anything is kept, tells
// each word that means no task or several (with their ids), and each version that is not there;
// invalid_code comes with the author's line, told.
awaitable<Result<cli::TasksMeant>> keep_tasks(Remote& remote, const cli::WorkflowFile& file,
                                              std::string workflow);

}  // namespace mecapy::main
