// Graphs for tests of their drawings.
#pragma once

#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "cli/graph.h"

namespace mecapy::cli {

inline std::string unstyled(std::string_view text, Style) { return std::string(text); }

inline std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// A few or many edges between fewer than `most` nodes, all of whose names begin with n.
inline Graph random_graph(std::mt19937& random, std::size_t most) {
  Graph graph;
  const std::size_t size = random() % most;
  const std::size_t sparse = 2 + random() % 8;
  for (std::size_t at = 0; at < size; ++at) {
    GraphNode node{"n" + std::to_string(at) + std::string(random() % 3 * (random() % 7), 'x'),
                   {},
                   static_cast<GraphNode::State>(random() % 6),
                   random() % 2 == 0 ? "" : "3/10"};
    for (std::size_t need = 0; need < at; ++need) {
      if (random() % sparse == 0) node.needs.push_back(need);
    }
    graph.nodes.push_back(std::move(node));
  }
  return graph;
}

// A chain whose names and notes are what a stranger may write.
inline Graph hostile_graph() {
  Graph graph;
  for (const char* text :
       {"\x1b[2J\x1b]0;x\x07", "two\nlines\r\tand \"quotes\" 'too'", "<script>alert(1)</script>",
        "]]></style>&amp;&#10;", "\xff\xc3", "\u202e\u009b2J\u200b", "\xef\xbf\xbe\xef\xbf\xbf",
        "`**md**` %%{init: {}}%% style:#a; end", "1. x\n- y", "日本語 e\u0301 👍", ""}) {
    GraphNode node{text, {}, GraphNode::State::running, text};
    if (!graph.nodes.empty()) node.needs.push_back(graph.nodes.size() - 1);
    graph.nodes.push_back(std::move(node));
  }
  return graph;
}

}  // namespace mecapy::cli
