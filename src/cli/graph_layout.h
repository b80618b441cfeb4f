// Where the nodes of a graph stand in a drawing from top to bottom. Lengths are whole units of
// whoever draws: columns, pixels.
#pragma once

#include <cstddef>
#include <vector>

namespace mecapy::cli {

// A node, or a bend: where what leads from a node to those further down passes a layer between.
struct Place {
  std::size_t node;  // of a bend: from which it comes
  bool bend = false;
  std::size_t layer = 0;
  int left = 0;
  int width = 1;
  std::vector<std::size_t> above = {};  // places of the layer above that lead here
  std::vector<std::size_t> below = {};  // places of the layer below that it leads to

  int centre() const { return left + width / 2; }
};

struct Layout {
  std::vector<Place> places;                     // the nodes in their order, then the bends
  std::vector<std::vector<std::size_t>> layers;  // places from left to right
  int width = 0;
};

// For each node the length of the longest way to it from one that needs nothing; 0 for those in a
// cycle, or behind one.
std::vector<std::size_t> depths_of(const std::vector<std::vector<std::size_t>>& needs);

// Layers by these depths, each in an order with few crossings; parts that nothing
// connects beside each other. Places have no lengths yet. What would lead upwards is left out.
Layout layers_of(const std::vector<std::vector<std::size_t>>& needs);

// Gives each place its left end, by the widths they have: near what it is connected with, `gap`
// between neighbours, and all together no wider than the widest layer needs.
void spread(Layout& layout, int gap);

}  // namespace mecapy::cli
