#include <cctype>
#include <set>

#include "cli/graph.h"
#include "cli/graph_look.h"

namespace mecapy::cli {
namespace {

// Text within quotes. Whatever could be more to mermaid, or to the Markdown and HTML it takes
// labels for, is an entity by its number: all but letters and digits, and what joins them.
std::string quoted(std::string_view text) {
  std::string out;
  const auto is_word = [&](std::size_t at) {
    if (at >= text.size()) return false;
    const auto byte = static_cast<unsigned char>(text[at]);
    return std::isalnum(byte) != 0 || byte >= 0x80;
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const bool joins = std::string_view("_-./").find(c) != std::string_view::npos && at > 0 &&
                       is_word(at - 1) && is_word(at + 1);
    if (c == '"') {
      out += "#quot;";
    } else if (is_word(at) || c == ' ' || joins) {
      out += c;
    } else {
      out += "#" + std::to_string(static_cast<int>(c)) + ";";
    }
  }
  return out;
}

}  // namespace

std::string graph_mermaid(const Graph& graph) {
  std::string nodes;
  std::string edges;
  std::set<GraphNode::State> states;
  for (std::size_t at = 0; at < graph.nodes.size(); ++at) {
    const GraphNode& node = graph.nodes[at];
    const StateLook& state = look(node.state);
    const NodeText text = node_text(node);
    const std::string id = "n" + std::to_string(at);
    nodes += "  " + id + "[\"";
    if (!state.symbol.empty()) nodes += std::string(state.symbol) + " ";
    nodes += quoted(text.name);
    if (!text.note.empty()) nodes += "<br/>" + quoted(text.note);
    nodes += "\"]";
    if (node.state != GraphNode::State::none) nodes += ":::" + std::string(state.word);
    nodes += '\n';
    states.insert(node.state);
    for (const std::size_t need : node.needs) {
      if (need < graph.nodes.size()) edges += "  n" + std::to_string(need) + " --> " + id + "\n";
    }
  }
  std::string looks;
  for (const GraphNode::State state : states) {
    if (state == GraphNode::State::none) continue;
    const StateLook& row = look(state);
    looks.append("  classDef ").append(row.word).append(" fill:").append(row.fill);
    looks.append(",stroke:").append(row.line).append(",color:#1f2328\n");
  }
  return "flowchart TD\n" + nodes + edges + looks;
}

}  // namespace mecapy::cli
