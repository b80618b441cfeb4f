// The files that the runs of a workflow's nodes left.
#pragma once

#include <string>

#include "client/workflow_answers.h"
#include "main/remote.h"

namespace mecapy::main {

// Fetches those of what is completed: a node's into FOLDER/NODE, those of a list's elements into
// FOLDER/NODE/ELEMENT; each is told on stderr, and that the folder was not empty. 0, or the status
// of what could not be kept, which is told.
awaitable<Result<int>> keep_workflow_files(Remote& remote, client::WorkflowRunAnswer run,
                                           std::string folder);

// Says on stderr how to fetch files, when some of its newest runs left one.
awaitable<void> tell_workflow_files(Remote& remote, client::WorkflowRunAnswer run);

}  // namespace mecapy::main
