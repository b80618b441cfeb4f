// The calculations of a workflow as a picture: for a terminal, for documents.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/terminal.h"

namespace mecapy::cli {

struct GraphNode {
  // partial: it goes on, with less than all of its elements.
  enum class State : std::uint8_t { none, waiting, running, completed, partial, failed, skipped };

  std::string name;                // as its author wrote it
  std::vector<std::size_t> needs;  // nodes whose results it reads: their places in Graph::nodes
  State state = State::none;       // none: of a definition, not of a run
  std::string note = {};           // "3/10", "reused", "12 ms"; may be empty
};

// Without cycles: of one, not every edge is drawn. Names and notes may be a stranger's: what they
// hold has no power over a terminal, a document or a diagram.
struct Graph {
  std::vector<GraphNode> nodes;
};

// As Screen::styled does.
using Styled = std::function<std::string(std::string_view text, Style style)>;

// Boxes from top to bottom. A list in the order of needs where they do not fit into `columns`, of
// which it takes ten at least, or would be too many to be read. No line is wider.
std::string graph_text(const Graph& graph, std::size_t columns, const Styled& styled);

// A document of its own. The same graph has the same bytes.
std::string graph_svg(const Graph& graph);

// A mermaid `flowchart TD`, for Markdown.
std::string graph_mermaid(const Graph& graph);

}  // namespace mecapy::cli
