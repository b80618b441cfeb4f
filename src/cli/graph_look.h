// What the drawings of a graph have in common: how a state looks, and what is written of a node.
#pragma once

#include <string>
#include <string_view>

#include "cli/graph.h"

namespace mecapy::cli {

// Colours of light documents and of dark ones.
struct StateLook {
  std::string_view word;
  std::string_view symbol;  // "" for none
  Style style;
  std::string_view fill, line;
  std::string_view dark_fill, dark_line;
};
const StateLook& look(GraphNode::State state);

// Name and note, harmless, a line each.
struct NodeText {
  std::string name;
  std::string note;
};
NodeText node_text(const GraphNode& node);

// Columns of a terminal that text takes: at most, and whether it is as many as its characters. Of
// most scripts nobody knows for sure.
std::size_t most_columns(std::string_view text);
bool has_known_width(std::string_view text);

}  // namespace mecapy::cli
