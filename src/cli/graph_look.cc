#include "cli/graph_look.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "cli/text.h"

namespace mecapy::cli {
namespace {

constexpr std::size_t kLongestName = 64;
constexpr std::size_t kLongestNote = 40;

// In the order of GraphNode::State.
constexpr std::array<StateLook, 7> kLooks = {{
    {"none", "", Style::plain, "#f3f6fa", "#7d8fa3", "#1b2430", "#6b7f95"},
    {"waiting", "·", Style::faint, "#f6f7f8", "#6e7781", "#1c2128", "#848d97"},
    {"running", "▸", Style::yellow, "#fff6e0", "#a86200", "#2e2410", "#d29922"},
    {"completed", "✓", Style::green, "#e8f6ed", "#25804a", "#12291c", "#3fa45f"},
    {"partial", "!", Style::yellow, "#fff1e5", "#bc4c00", "#33200f", "#db6d28"},
    {"failed", "✗", Style::red, "#fdecea", "#c0362c", "#34181a", "#e5605a"},
    {"skipped", "–", Style::faint, "#f6f7f8", "#6e7781", "#1c2128", "#848d97"},
}};

// Characters that are one column wide: scripts without marks above others, signs, and our symbols.
struct Range {
  char32_t first;
  char32_t last;
};
constexpr std::array kNarrow = {Range{0x20, 0x2ff},    Range{0x370, 0x482},
                                Range{0x2010, 0x22ff}, Range{0x2500, 0x25fc},
                                Range{0x2713, 0x2713}, Range{0x2717, 0x2717}};

template <typename Use>
void each_character(std::string_view text, Use use) {
  while (!text.empty()) {
    const auto length = static_cast<std::size_t>(base::utf8_length(text));
    const char32_t c = base::code_point(text.substr(0, length));
    use(std::ranges::any_of(
        kNarrow, [c](const Range& range) { return range.first <= c && c <= range.last; }));
    text.remove_prefix(length);
  }
}

}  // namespace

const StateLook& look(GraphNode::State state) { return kLooks[static_cast<std::size_t>(state)]; }

NodeText node_text(const GraphNode& node) {
  return {harmless_line(node.name, kLongestName), harmless_line(node.note, kLongestNote)};
}

std::size_t most_columns(std::string_view text) {
  std::size_t columns = 0;
  each_character(text, [&](bool narrow) { columns += narrow ? 1 : 2; });
  return columns;
}

bool has_known_width(std::string_view text) {
  bool known = true;
  each_character(text, [&](bool narrow) { known = known && narrow; });
  return known;
}

}  // namespace mecapy::cli
