#include "cli/graph_picture.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "cli/graph_channel.h"
#include "cli/graph_layout.h"
#include "cli/graph_look.h"
#include "cli/text.h"

namespace mecapy::cli {
namespace {

constexpr int kGap = 2;

// What a line's cell is connected with.
enum Side : unsigned { up = 1, down = 2, left = 4, right = 8 };
constexpr std::array<std::string_view, 16> kLines = {" ", "│", "│", "│", "─", "╯", "╮", "┤",
                                                     "─", "╰", "╭", "├", "─", "┴", "┬", "┼"};

// Rows of characters, each a column wide.
class Canvas {
 public:
  explicit Canvas(int width) : width_(static_cast<std::size_t>(width)) {}

  int rows() const { return static_cast<int>(cells_.size()); }
  void grow(int rows) {
    cells_.resize(cells_.size() + static_cast<std::size_t>(rows), Row(width_));
  }

  void put(int row, int column, std::string_view character, Style style = Style::plain) {
    Cell& cell = at(row, column);
    cell.text = character;
    cell.style = style;
  }
  void write(int row, int column, std::string_view text, Style style) {
    for (; !text.empty(); ++column) {
      const auto length = static_cast<std::size_t>(std::max(base::utf8_length(text), 1));
      put(row, column, text.substr(0, length), style);
      text.remove_prefix(length);
    }
  }

  std::string text(const Styled& styled) const {
    std::string out;
    for (const Row& row : cells_) {
      const auto end = std::ranges::find_if(row.rbegin(), row.rend(), [](const Cell& cell) {
                         return cell.text != " ";
                       }).base();
      for (auto cell = row.begin(); cell != end;) {
        const Style style = cell->style;
        std::string same;
        for (; cell != end && cell->style == style; ++cell) same += cell->text;
        out += styled(same, style);
      }
      out += '\n';
    }
    return out;
  }

 private:
  struct Cell {
    std::string text = " ";
    Style style = Style::plain;
  };
  using Row = std::vector<Cell>;
  Cell& at(int row, int column) {
    return cells_[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)];
  }

  std::size_t width_;
  std::vector<Row> cells_;
};

struct Box {
  std::string symbol;  // with a space behind it
  NodeText text;
  bool stacked;
  Style style;

  int text_width() const {
    const std::size_t name = cli::width(symbol) + cli::width(text.name);
    const std::size_t note = cli::width(text.note);
    if (note == 0) return static_cast<int>(name);
    return static_cast<int>(stacked ? std::max(name, cli::width(symbol) + note) : name + 2 + note);
  }
  int width() const { return (text_width() | 1) + 4; }  // odd: it has a middle
};

void draw_box(Canvas& canvas, int row, int rows, const Place& place, const Box& box) {
  const int last = place.left + place.width - 1;
  for (int column = place.left + 1; column < last; ++column) {
    canvas.put(row, column, "─", box.style);
    canvas.put(row + rows - 1, column, "─", box.style);
  }
  for (int side = row + 1; side < row + rows - 1; ++side) {
    canvas.put(side, place.left, "│", box.style);
    canvas.put(side, last, "│", box.style);
  }
  canvas.put(row, place.left, "┌", box.style);
  canvas.put(row, last, "┐", box.style);
  canvas.put(row + rows - 1, place.left, "└", box.style);
  canvas.put(row + rows - 1, last, "┘", box.style);
  if (!place.below.empty()) canvas.put(row + rows - 1, place.centre(), "┬", box.style);
  const int begin = place.left + (place.width - box.text_width()) / 2;
  const auto indent = static_cast<int>(width(box.symbol));
  const auto behind = indent + static_cast<int>(width(box.text.name));
  canvas.write(row + 1, begin, box.symbol, box.style);
  canvas.write(row + 1, begin + indent, box.text.name, Style::plain);
  canvas.write(row + (box.stacked ? 2 : 1), begin + (box.stacked ? indent : behind + 2),
               box.text.note, Style::faint);
}

// The horizontal line of `net`; then what leads to it and away, over the lines of others.
void draw_line(Canvas& canvas, int row, const Net& net) {
  const auto has = [](const std::vector<int>& ends, int column) {
    return std::ranges::find(ends, column) != ends.end();
  };
  for (int column = net.first(); column <= net.last(); ++column) {
    unsigned sides = 0;
    if (column > net.first()) sides |= left;
    if (column < net.last()) sides |= right;
    if (has(net.tops, column)) sides |= up;
    if (has(net.bottoms, column)) sides |= down;
    canvas.put(row + net.row, column, kLines[sides]);
  }
}
void draw_ends(Canvas& canvas, int row, int rows, const Net& net) {
  for (const int column : net.tops) {
    for (int i = 0; i < net.row; ++i) canvas.put(row + i, column, "│");
  }
  for (const int column : net.bottoms) {
    for (int i = net.straight() ? 0 : net.row + 1; i < rows; ++i) canvas.put(row + i, column, "│");
  }
}

}  // namespace

std::optional<std::string> graph_picture(const Graph& graph, std::size_t columns, bool stacked,
                                         const Styled& styled) {
  std::vector<std::vector<std::size_t>> needs;
  std::vector<Box> boxes;
  for (const GraphNode& node : graph.nodes) {
    const StateLook& state = look(node.state);
    const std::string symbol = state.symbol.empty() ? "" : std::string(state.symbol) + " ";
    boxes.push_back({symbol, node_text(node), stacked && !node.note.empty(), state.style});
    if (!has_known_width(boxes.back().text.name + boxes.back().text.note)) return std::nullopt;
    needs.push_back(node.needs);
  }

  Layout layout = layers_of(needs);
  for (std::size_t i = 0; i < boxes.size(); ++i) layout.places[i].width = boxes[i].width();
  std::vector<std::vector<Net>> nets;
  for (std::size_t layer = 0; layer < layout.layers.size(); ++layer) {
    nets.push_back(nets_below(layout, layer));
    std::vector<std::size_t> arriving(layout.places.size(), 0);
    for (const Net& net : nets.back()) {
      for (const std::size_t place : net.to) ++arriving[place];
    }
    for (std::size_t i = 0; i < boxes.size(); ++i)
      layout.places[i].width = std::max(layout.places[i].width, width_for(arriving[i]));
  }
  spread(layout, kGap);
  if (static_cast<std::size_t>(layout.width) > columns) return std::nullopt;

  Canvas canvas(layout.width);
  for (std::size_t layer = 0; layer < layout.layers.size(); ++layer) {
    const bool notes = std::ranges::any_of(layout.layers[layer], [&](std::size_t place) {
      return !layout.places[place].bend && boxes[place].stacked;
    });
    const int row = canvas.rows();
    const int height = notes ? 4 : 3;
    canvas.grow(height);
    for (const std::size_t at : layout.layers[layer]) {
      const Place& place = layout.places[at];
      if (!place.bend) draw_box(canvas, row, height, place, boxes[at]);
      for (int i = 0; place.bend && i < height; ++i) canvas.put(row + i, place.left, "│");
    }
    // The ends of nets in boxes; a bend has its line there.
    for (std::size_t i = 0; layer > 0 && i < nets[layer - 1].size(); ++i) {
      const Net& net = nets[layer - 1][i];
      for (std::size_t end = 0; end < net.to.size(); ++end) {
        if (layout.places[net.to[end]].bend) continue;
        canvas.put(row, net.bottoms[end], "▼");
      }
    }
    const std::optional<int> rows = route(layout, nets[layer]);
    if (!rows) return std::nullopt;
    if (layer + 1 == layout.layers.size()) break;
    const int channel = canvas.rows();
    canvas.grow(std::max(1, *rows));
    for (const Net& net : nets[layer]) draw_line(canvas, channel, net);
    for (const Net& net : nets[layer]) draw_ends(canvas, channel, std::max(1, *rows), net);
  }
  return canvas.text(styled);
}

}  // namespace mecapy::cli
