#include <algorithm>
#include <numeric>

#include "base/utf8.h"
#include "cli/graph.h"
#include "cli/graph_layout.h"
#include "cli/graph_look.h"
#include "cli/graph_picture.h"
#include "cli/text.h"

namespace mecapy::cli {
namespace {

constexpr std::size_t kMostBoxes = 40;
constexpr std::size_t kFewestColumns = 10;

// Lines that are no wider than `columns`, whatever stands in them.
class Lines {
 public:
  Lines(std::size_t columns, const Styled& styled) : columns_(columns), styled_(styled) {}

  void begin(std::size_t indent) {
    out_.append(indent, ' ');
    at_ = indent;
  }
  void end() { out_ += '\n'; }
  // What does not fit is cut, with an ellipsis.
  void add(std::string_view text, Style style) {
    const std::size_t room = columns_ - at_;
    std::size_t wide = 0;
    std::size_t size = 0;
    std::size_t cut = 0;  // with room for an ellipsis
    while (size < text.size()) {
      if (wide + 1 <= room) cut = size;
      const auto length = static_cast<std::size_t>(base::utf8_length(text.substr(size)));
      wide += most_columns(text.substr(size, length));
      if (wide > room) break;
      size += length;
    }
    const bool whole = size == text.size();
    std::string shown(text.substr(0, whole ? size : cut));
    if (!whole && room > 0) shown += "…";
    if (shown.empty()) return;
    out_ += styled_(shown, style);
    at_ = whole ? at_ + wide : columns_;
  }
  bool fits(std::string_view text) const { return at_ + most_columns(text) <= columns_; }
  std::string take() { return std::move(out_); }

 private:
  std::size_t columns_;
  const Styled& styled_;
  std::string out_;
  std::size_t at_ = 0;
};

// What a node needs follows it, on lines of its own where it does not fit.
std::string list(const Graph& graph, std::size_t columns, const Styled& styled) {
  std::vector<std::vector<std::size_t>> needs;
  for (const GraphNode& node : graph.nodes) needs.push_back(node.needs);
  const std::vector<std::size_t> depths = depths_of(needs);
  std::vector<std::size_t> order(depths.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t node) { return depths[node]; });

  Lines lines(columns, styled);
  for (const std::size_t at : order) {
    const GraphNode& node = graph.nodes[at];
    const StateLook& state = look(node.state);
    const NodeText text = node_text(node);
    const std::size_t indent = 2 * std::min(depths[at], columns / 8);
    lines.begin(indent);
    if (!state.symbol.empty()) lines.add(std::string(state.symbol) + " ", state.style);
    lines.add(text.name, Style::plain);
    if (!text.note.empty()) lines.add("  " + text.note, Style::faint);
    std::string_view before = "  ← needs ";
    for (const std::size_t need : node.needs) {
      if (need >= graph.nodes.size()) continue;
      const std::string name = node_text(graph.nodes[need]).name;
      const bool last = need == node.needs.back();
      std::string word = std::string(before) + name + (last ? "" : ",");
      if (!lines.fits(word)) {
        lines.end();
        lines.begin(indent + (before == " " ? 6 : 4));
        word.erase(0, word.find_first_not_of(' '));
      }
      lines.add(word, Style::plain);
      before = " ";
    }
    lines.end();
  }
  return lines.take();
}

}  // namespace

std::string graph_text(const Graph& graph, std::size_t columns, const Styled& styled) {
  columns = std::max(columns, kFewestColumns);
  if (graph.nodes.size() <= kMostBoxes) {
    for (const bool stacked : {false, true}) {
      if (auto picture = graph_picture(graph, columns, stacked, styled)) return *picture;
    }
  }
  return list(graph, columns, styled);
}

}  // namespace mecapy::cli
