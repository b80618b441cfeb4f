// The picture of a graph in a terminal.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "cli/graph.h"

namespace mecapy::cli {

// Notes stand behind their names or, `stacked`, below them, which takes less width. Nothing: it
// does not fit into `columns`, or a text has characters of which nobody knows how wide they are.
std::optional<std::string> graph_picture(const Graph& graph, std::size_t columns, bool stacked,
                                         const Styled& styled);

}  // namespace mecapy::cli
