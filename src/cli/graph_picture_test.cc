// A picture is read as a person reads it, and compared with the graph.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "base/utf8.h"
#include "cli/test_graph.h"

namespace mecapy::cli {
namespace {

// Goes along the lines of a picture, downwards and sideways.
class Reader {
 public:
  explicit Reader(const std::string& picture) {
    for (const std::string& line : lines_of(picture)) {
      std::vector<std::string> row;
      for (std::string_view rest = line; !rest.empty();) {
        const auto length = static_cast<std::size_t>(base::utf8_length(rest));
        row.emplace_back(rest.substr(0, length));
        rest.remove_prefix(length);
      }
      rows_.push_back(std::move(row));
    }
  }

  // Names of boxes, with the names of those to which lines lead from their lower sides.
  std::map<std::string, std::set<std::string>> edges() {
    std::map<std::string, std::set<std::string>> edges;
    for (int row = 0; row < static_cast<int>(rows_.size()); ++row) {
      for (int column = 0; column < static_cast<int>(rows_[static_cast<std::size_t>(row)].size());
           ++column) {
        if (at(row, column) == "┌") edges[name(row, column)] = below(row, column);
      }
    }
    return edges;
  }

 private:
  std::string at(int row, int column) const {
    if (row < 0 || column < 0 || row >= static_cast<int>(rows_.size())) return " ";
    const auto& cells = rows_[static_cast<std::size_t>(row)];
    return column < static_cast<int>(cells.size()) ? cells[static_cast<std::size_t>(column)] : " ";
  }

  // Of the box with this corner.
  std::string name(int row, int column) const {
    std::string line;
    for (++column; at(row + 1, column) != "│" && line.size() < 200; ++column)
      line += at(row + 1, column);
    std::istringstream words(line);
    std::string word;
    while (words >> word && !word.starts_with('n')) {
    }
    return word;
  }

  // A box is whole: nothing stands in its border but ends of lines.
  std::set<std::string> below(int row, int column) {
    int last = column + 1;
    while (at(row, last) == "─" || at(row, last) == "▼") ++last;
    EXPECT_EQ(at(row, last), "┐");
    int bottom = row + 1;
    for (; at(bottom, column) == "│"; ++bottom) EXPECT_EQ(at(bottom, last), "│");
    EXPECT_EQ(at(bottom, column), "└");
    EXPECT_EQ(at(bottom, last), "┘");
    found_.clear();
    seen_.clear();
    for (int border = column + 1; border < last; ++border) {
      if (at(bottom, border) == "┬") {
        go_down(bottom + 1, border);
      } else {
        EXPECT_EQ(at(bottom, border), "─");
      }
    }
    return found_;
  }

  static bool is_one_of(const std::string& cell, std::string_view set) {
    return cell != " " && set.find(cell) != std::string_view::npos;
  }
  void go_down(int row, int column) {
    const std::string cell = at(row, column);
    if (cell == "▼") {
      int corner = column;
      while (at(row, corner) != "┌") --corner;
      found_.insert(name(row, corner));
      return;
    }
    ASSERT_TRUE(is_one_of(cell, "│┤├┴┼╯╰")) << cell << " at " << row << ", " << column;
    turn(row, column, cell);
  }
  void go_aside(int row, int column, int step) {
    while (at(row, column) == "│") column += step;  // over another line
    const std::string cell = at(row, column);
    ASSERT_TRUE(is_one_of(cell, step > 0 ? "─┤┴┬┼╯╮" : "─├┴┬┼╰╭"))
        << cell << " at " << row << ", " << column;
    turn(row, column, cell);
  }
  void turn(int row, int column, const std::string& cell) {
    if (!seen_.insert({row, column}).second) return;
    if (is_one_of(cell, "│┤├┬┼╮╭")) go_down(row + 1, column);
    if (is_one_of(cell, "─├┴┬┼╰╭")) go_aside(row, column + 1, 1);
    if (is_one_of(cell, "─┤┴┬┼╯╮")) go_aside(row, column - 1, -1);
  }

  std::vector<std::vector<std::string>> rows_;
  std::set<std::pair<int, int>> seen_;
  std::set<std::string> found_;
};

std::map<std::string, std::set<std::string>> edges_of(const Graph& graph) {
  std::map<std::string, std::set<std::string>> edges;
  for (const GraphNode& node : graph.nodes) {
    edges[node.name];
    for (const std::size_t need : node.needs) edges[graph.nodes[need].name].insert(node.name);
  }
  return edges;
}

TEST(GraphPicture, ItsLinesSayWhatNeedsWhat) {
  std::mt19937 random(1);
  int pictures = 0;
  for (int i = 0; i < 1000 && !testing::Test::HasFailure(); ++i) {
    const Graph graph = random_graph(random, 20);
    const std::string text = graph_text(graph, i % 2 == 0 ? 100 : 300, unstyled);
    if (text.find("┌") == std::string::npos) continue;  // a list
    ++pictures;
    EXPECT_EQ(Reader(text).edges(), edges_of(graph)) << text;
  }
  EXPECT_GT(pictures, 500);
}

}  // namespace
}  // namespace mecapy::cli
