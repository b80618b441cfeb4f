// How lines lead through the rows between two layers of boxes in a terminal.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "cli/graph_layout.h"

namespace mecapy::cli {

// Each of `from` leads to each of `to`, over one horizontal line. `tops` and `bottoms` are columns.
struct Net {
  std::vector<std::size_t> from;
  std::vector<std::size_t> to;
  std::vector<int> tops;
  std::vector<int> bottoms;
  int row = 0;

  int first() const;
  int last() const;
  bool straight() const { return first() == last(); }
};

// What leads down from a layer: places that lead to the same ones share a net. Without columns.
std::vector<Net> nets_below(const Layout& layout, std::size_t layer);

// Gives nets their columns and rows. A net begins at the centre of its places and ends within
// theirs (of a bend, which moves there, within a column of it); nets meet nowhere, and cross at
// right angles only. Nothing: a place is too narrow for all its nets. Otherwise the number of rows.
std::optional<int> route(Layout& layout, std::vector<Net>& nets);

// The width that a box needs for all its nets.
int width_for(std::size_t nets);

}  // namespace mecapy::cli
