// The graph of a workflow's definition.
#pragma once

#include <string_view>

#include "cli/graph.h"

namespace mecapy::cli {

// `nodes` are those of a definition, as JSON. Of one that has something wrong what can be
// understood: a need that names no node is left out.
Graph workflow_graph(std::string_view nodes);

}  // namespace mecapy::cli
