#include <algorithm>
#include <array>
#include <set>

#include "base/utf8.h"
#include "cli/graph.h"
#include "cli/graph_layout.h"
#include "cli/graph_look.h"

namespace mecapy::cli {
namespace {

// Pixels.
constexpr int kMargin = 20;
constexpr int kGap = 28;      // between neighbours
constexpr int kBetween = 52;  // between layers
constexpr int kBend = 8;
constexpr int kNarrowest = 84;
constexpr int kNameOnly = 40;  // heights
constexpr int kWithNote = 54;
constexpr int kPadding = 16;
constexpr int kIcon = 20;  // width, and then a space
constexpr int kIconSpace = 8;
constexpr int kNameSize = 14;
constexpr int kNoteSize = 12;
constexpr int kHead = 8;  // of an arrow

// A piece of the document, with a value for each @ of it, in their order.
class Piece {
 public:
  explicit Piece(std::string_view text) : text_(text) {}
  Piece& with(std::string_view value) {
    const std::size_t at = text_.find('@', from_);
    text_.replace(at, 1, value);
    from_ = at + value.size();
    return *this;
  }
  Piece& with(int value) { return with(std::to_string(value)); }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::size_t from_ = 0;
};

template <typename... Values>
std::string piece(std::string_view text, const Values&... values) {
  Piece out(text);
  (out.with(values), ...);
  return out.take();
}

// Without what XML has no place for: U+FFFE and U+FFFF.
std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto length = static_cast<std::size_t>(base::utf8_length(text));
    const std::string_view one = text.substr(0, length);
    const char32_t c = base::code_point(one);
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c == 0xfffe || c == 0xffff ? base::kReplacement : one;
    }
    text.remove_prefix(length);
  }
  return out;
}

// How wide text is at most, in the sans-serif fonts there are.
int width_of(std::string_view text, int size) {
  double ems = 0;
  while (!text.empty()) {
    const auto length = static_cast<std::size_t>(base::utf8_length(text));
    const char32_t c = base::code_point(text.substr(0, length));
    const auto among = [c](std::string_view set) {
      return c < 0x80 && set.find(static_cast<char>(c)) != std::string_view::npos;
    };
    if (among("ijlI.,:;|!' ")) {
      ems += 0.34;
    } else if (among("frt-()[]/")) {
      ems += 0.42;
    } else if (among("mwMW@%")) {
      ems += 0.99;
    } else if (c < 0x80) {
      ems += c >= 'A' && c <= 'Z' ? 0.76 : 0.64;
    } else {
      ems += c < 0x500 ? 0.76 : 1.05;
    }
    text.remove_prefix(length);
  }
  return static_cast<int>(ems * size) + 1;
}

struct Box {
  GraphNode::State state;
  NodeText text;

  bool has_icon() const { return state != GraphNode::State::none; }
  int icon() const { return has_icon() ? kIcon + kIconSpace : 0; }
  int width() const {
    const int text_width = std::max(width_of(text.name, kNameSize), width_of(text.note, kNoteSize));
    return std::max(kNarrowest, text_width + icon() + 2 * kPadding);
  }
};

// In the order of GraphNode::State: white, around (0, 0) on a disc.
constexpr std::array<std::string_view, 7> kIcons = {
    "",
    R"(<circle r="2.5" fill="#ffffff"/>)",
    R"(<path d="M-3 -5 L5 0 L-3 5 Z" fill="#ffffff"/>)",
    R"(<path d="M-4.5 0.5 L-1.5 3.5 L4.5 -3" fill="none" stroke="#ffffff" stroke-width="2.2"/>)",
    R"(<path d="M0 -5.5 L0 1 M0 4.6 L0 5" stroke="#ffffff" stroke-width="2.4"/>)",
    R"(<path d="M-3.5 -3.5 L3.5 3.5 M3.5 -3.5 L-3.5 3.5" stroke="#ffffff" stroke-width="2.2"/>)",
    R"(<path d="M-4.5 0 L4.5 0" stroke="#ffffff" stroke-width="2.2"/>)",
};

std::string box_svg(const Box& box, const Place& place, int top, int height) {
  const StateLook& state = look(box.state);
  const bool open =
      box.state == GraphNode::State::waiting || box.state == GraphNode::State::skipped;
  std::string out = piece(R"(<g class="@">
<rect x="@" y="@" width="@" height="@" rx="9" fill="@" stroke="@" stroke-width="1.5"@/>
)",
                          state.word, place.left, top, place.width, height, state.fill, state.line,
                          open ? R"( stroke-dasharray="5 4")" : "");
  const int middle = top + height / 2;
  if (box.has_icon()) {
    out += piece(R"svg(<g transform="translate(@ @)"><circle r="10" fill="@"/>@</g>
)svg",
                 place.left + kPadding - 2 + kIcon / 2, middle, state.line,
                 kIcons[static_cast<std::size_t>(box.state)]);
  }
  const int centre = place.left + (place.width + box.icon()) / 2;
  const bool noted = !box.text.note.empty();
  out += piece(
      R"(<text class="name" x="@" y="@" font-size="@" font-weight="600" fill="#1f2328">@</text>
)",
      centre, middle + (noted ? -3 : 5), kNameSize, escaped(box.text.name));
  if (noted) {
    out += piece(R"(<text class="note" x="@" y="@" font-size="@" fill="#57606a">@</text>
)",
                 centre, middle + 15, kNoteSize, escaped(box.text.note));
  }
  return out + "</g>\n";
}

// From the bottom of one place to the top of another.
std::string curve(int x, int y, int to_x, int to_y) {
  const int middle = (y + to_y) / 2;
  return x == to_x ? piece("M@ @ V@", x, y, to_y)
                   : piece("M@ @ C@ @ @ @ @ @", x, y, x, middle, to_x, middle, to_x, to_y);
}

std::string style(const std::set<GraphNode::State>& states) {
  std::string rules = R"(.mecapy-graph .page { fill: #0d1117; }
.mecapy-graph .lines { stroke: #8b949e; }
.mecapy-graph .heads { fill: #8b949e; }
.mecapy-graph .name { fill: #e6edf3; }
.mecapy-graph .note { fill: #a3adb8; }
)";
  for (const GraphNode::State state : states) {
    const StateLook& row = look(state);
    rules += piece(".mecapy-graph .@ rect { fill: @; stroke: @; }\n", row.word, row.dark_fill,
                   row.dark_line);
  }
  return "<style>\n@media (prefers-color-scheme: dark) {\n" + rules + "}\n</style>\n";
}

// "Workflow of 3 calculations: 2 completed, 1 running".
std::string title(const Graph& graph) {
  std::array<std::size_t, kIcons.size()> counts{};
  for (const GraphNode& node : graph.nodes) ++counts[static_cast<std::size_t>(node.state)];
  std::string out = "Workflow of " + std::to_string(graph.nodes.size()) +
                    (graph.nodes.size() == 1 ? " calculation" : " calculations");
  std::string_view before = ": ";
  for (std::size_t state = 1; state < counts.size(); ++state) {
    if (counts[state] == 0) continue;
    out.append(before).append(std::to_string(counts[state])).append(" ");
    out += look(static_cast<GraphNode::State>(state)).word;
    before = ", ";
  }
  return out;
}

}  // namespace

std::string graph_svg(const Graph& graph) {
  std::vector<std::vector<std::size_t>> needs;
  std::vector<Box> boxes;
  std::set<GraphNode::State> states;
  int height = kNameOnly;
  for (const GraphNode& node : graph.nodes) {
    needs.push_back(node.needs);
    boxes.push_back({node.state, node_text(node)});
    states.insert(node.state);
    if (!boxes.back().text.note.empty()) height = kWithNote;
  }
  Layout layout = layers_of(needs);
  for (Place& place : layout.places) place.width = place.bend ? kBend : boxes[place.node].width();
  spread(layout, kGap);
  for (Place& place : layout.places) place.left += kMargin;

  std::string lines;
  std::string heads;
  std::string nodes;
  const int step = height + kBetween;
  for (std::size_t at = 0; at < layout.places.size(); ++at) {
    const Place& place = layout.places[at];
    const int top = kMargin + static_cast<int>(place.layer) * step;
    const int x = place.centre();
    for (const std::size_t upper : place.above) {
      // A line goes on through a bend, and ends within the head of its arrow.
      const Place& from = layout.places[upper];
      lines += "<path d=\"" +
               curve(from.centre(), top - kBetween, x, top - (place.bend ? 0 : kHead - 1));
      lines += (place.bend ? piece(" V@", top + height) : std::string()) + "\"/>\n";
    }
    if (place.bend) continue;
    if (!place.above.empty()) {
      heads +=
          piece("<path d=\"M@ @ L@ @ L@ @ Z\"/>\n", x, top, x - 5, top - kHead, x + 5, top - kHead);
    }
    nodes += box_svg(boxes[at], place, top, height);
  }

  const int width = layout.width + 2 * kMargin;
  const auto layers = static_cast<int>(layout.layers.size());
  const int total = 2 * kMargin + std::max(0, layers * step - kBetween);
  return piece(
      R"(<svg xmlns="http://www.w3.org/2000/svg" class="mecapy-graph" role="img" width="@" height="@" viewBox="0 0 @ @" font-family="sans-serif">
<title>@</title>
@<rect class="page" width="@" height="@" rx="8" fill="#ffffff"/>
<g class="lines" fill="none" stroke="#6e7781" stroke-width="1.5">
@</g>
<g class="heads" fill="#6e7781">
@</g>
<g text-anchor="middle" stroke-linecap="round" stroke-linejoin="round">
@</g>
</svg>
)",
      width, total, width, total, title(graph), style(states), width, total, lines, heads, nodes);
}

}  // namespace mecapy::cli
