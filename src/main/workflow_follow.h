// Follows a run of a workflow until it ends, node by node, and tells how it ended.
#pragma once

#include <map>
#include <string>

#include "cli/graph.h"
#include "client/workflow_answers.h"
#include "main/follow.h"

namespace mecapy::main {

// Nodes as they were before a run of a workflow was taken up: when each ended.
using EndsBefore = std::map<std::string, std::string>;
EndsBefore ends_of(const client::WorkflowRunAnswer& run);

// Each node that ends is told on stderr, but for those that ended `before`; a progress line is
// there when that is a terminal. Errors as client::Watch has them.
awaitable<Result<Followed>> follow_workflow(Remote& remote, std::string run_id, Interrupt interrupt,
                                            EndsBefore before = {});

// The run of a workflow, once it has ended: figures, which node failed and why, and how it is taken
// up, on stderr; the outputs (or, as JSON, the whole run) on stdout. Its exit status: 0, that of
// its error's code, or kInterrupted for one that was cancelled.
awaitable<Result<int>> tell_workflow_end(Remote& remote, std::string run_id);

// From its acceptance to its end, or until now.
std::string took(const Remote& remote, const client::WorkflowRunAnswer& run);

// How a node looks in a drawing, with what is to be said of it in a few words.
cli::GraphNode::State state_of(const client::NodeAnswer& node);
std::string note_of(const Remote& remote, const client::NodeAnswer& node);

}  // namespace mecapy::main
