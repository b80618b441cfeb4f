// Follows a run of a workflow until it ends, node by node; how its nodes are told.
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

// Each node that ends is told on stderr, but for those that ended `before`, and what its run writes
// meanwhile; a progress line is there when that is a terminal. Errors as client::Watch has them.
awaitable<Result<Followed>> follow_workflow(Remote& remote, std::string run_id, Interrupt interrupt,
                                            EndsBefore before = {});

// From its acceptance to its end, or until now; "-" of one that was resumed, as nobody tells how
// long nothing was done.
std::string took(const Remote& remote, const client::WorkflowRunAnswer& run);

// How a node looks in a drawing, with what is to be said of it in a few words.
cli::GraphNode::State state_of(const client::NodeAnswer& node);
std::string note_of(const Remote& remote, const client::NodeAnswer& node);

}  // namespace mecapy::main
