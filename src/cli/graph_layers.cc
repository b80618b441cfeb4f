#include <algorithm>
#include <map>
#include <numeric>
#include <ranges>

#include "cli/graph_layout.h"

namespace mecapy::cli {
namespace {

using Indices = std::vector<std::size_t>;
constexpr int kSweeps = 12;

void connect(Layout& layout, std::size_t upper, std::size_t lower) {
  Indices& below = layout.places[upper].below;
  if (std::ranges::find(below, lower) != below.end()) return;
  below.push_back(lower);
  layout.places[lower].above.push_back(upper);
}

// The place of the layer above `layer` that what comes from `node` passes.
std::size_t passed(Layout& layout,
                   std::map<std::pair<std::size_t, std::size_t>, std::size_t>& bends,
                   std::size_t node, std::size_t layer) {
  std::size_t upper = node;
  for (std::size_t at = layout.places[node].layer + 1; at < layer; ++at) {
    const auto [bend, is_new] = bends.try_emplace({node, at}, layout.places.size());
    if (is_new) {
      layout.places.push_back({.node = node, .bend = true, .layer = at});
      layout.layers[at].push_back(bend->second);
      connect(layout, upper, bend->second);
    }
    upper = bend->second;
  }
  return upper;
}

// For each place a number that those it is connected with share.
Indices parts_of(const Layout& layout) {
  const std::size_t none = layout.places.size();
  Indices parts(none, none);
  for (std::size_t first = 0; first < none; ++first) {
    Indices reached;
    const auto reach = [&](std::size_t place) {
      if (parts[place] != none) return;
      parts[place] = first;
      reached.push_back(place);
    };
    for (reach(first); !reached.empty();) {
      const Place& place = layout.places[reached.back()];
      reached.pop_back();
      std::ranges::for_each(place.above, reach);
      std::ranges::for_each(place.below, reach);
    }
  }
  return parts;
}

Indices orders_of(const Layout& layout) {
  Indices orders(layout.places.size());
  for (const Indices& layer : layout.layers) {
    for (std::size_t i = 0; i < layer.size(); ++i) orders[layer[i]] = i;
  }
  return orders;
}

std::size_t crossings(const Layout& layout) {
  const Indices orders = orders_of(layout);
  std::size_t count = 0;
  for (std::size_t at = 0; at + 1 < layout.layers.size(); ++at) {
    // How many ends so far are at or left of an order: a Fenwick tree.
    Indices tree(layout.layers[at + 1].size() + 1, 0);
    std::size_t ends = 0;
    for (const std::size_t upper : layout.layers[at]) {
      const Indices& below = layout.places[upper].below;
      for (const std::size_t lower : below) {
        count += ends;
        for (std::size_t i = orders[lower] + 1; i > 0; i &= i - 1) count -= tree[i];
      }
      for (const std::size_t lower : below) {
        for (std::size_t i = orders[lower] + 1; i < tree.size(); i += i & (~i + 1)) ++tree[i];
      }
      ends += below.size();
    }
  }
  return count;
}

// Each layer by the mean order of what its places are connected with, above or below.
void sweep(Layout& layout, const Indices& parts, bool down) {
  Indices orders = orders_of(layout);
  for (std::size_t i = 0; i < layout.layers.size(); ++i) {
    Indices& layer = layout.layers[down ? i : layout.layers.size() - 1 - i];
    std::map<std::size_t, double> means;
    for (const std::size_t place : layer) {
      const Indices& others = down ? layout.places[place].above : layout.places[place].below;
      double sum = 0;
      for (const std::size_t other : others) sum += static_cast<double>(orders[other]);
      means[place] = others.empty() ? static_cast<double>(orders[place])
                                    : sum / static_cast<double>(others.size());
    }
    std::ranges::stable_sort(
        layer, {}, [&](std::size_t place) { return std::pair(parts[place], means[place]); });
    for (std::size_t order = 0; order < layer.size(); ++order) orders[layer[order]] = order;
  }
}

}  // namespace

std::vector<std::size_t> depths_of(const std::vector<std::vector<std::size_t>>& needs) {
  std::vector<Indices> readers(needs.size());
  Indices open(needs.size(), 0);
  for (std::size_t node = 0; node < needs.size(); ++node) {
    for (const std::size_t need : needs[node]) {
      if (need >= needs.size()) continue;
      readers[need].push_back(node);
      ++open[node];
    }
  }
  Indices ready;
  for (std::size_t node = 0; node < needs.size(); ++node) {
    if (open[node] == 0) ready.push_back(node);
  }
  Indices depths(needs.size(), 0);
  for (std::size_t i = 0; i < ready.size(); ++i) {
    const std::size_t depth = depths[ready[i]] + 1;
    for (const std::size_t reader : readers[ready[i]]) {
      depths[reader] = std::max(depths[reader], depth);
      if (--open[reader] == 0) ready.push_back(reader);
    }
  }
  for (std::size_t node = 0; node < needs.size(); ++node) {
    if (open[node] != 0) depths[node] = 0;
  }
  return depths;
}

Layout layers_of(const std::vector<std::vector<std::size_t>>& needs) {
  Layout layout;
  const Indices depths = depths_of(needs);
  for (std::size_t node = 0; node < needs.size(); ++node) {
    layout.places.push_back({.node = node, .layer = depths[node]});
    layout.layers.resize(std::max(layout.layers.size(), depths[node] + 1));
    layout.layers[depths[node]].push_back(node);
  }
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> bends;
  for (std::size_t node = 0; node < needs.size(); ++node) {
    for (const std::size_t need : needs[node]) {
      if (need >= needs.size() || depths[need] >= depths[node]) continue;
      connect(layout, passed(layout, bends, need, depths[node]), node);
    }
  }
  const Indices parts = parts_of(layout);
  for (Indices& layer : layout.layers) {
    std::ranges::stable_sort(layer, {}, [&](std::size_t place) { return parts[place]; });
  }
  std::size_t fewest = crossings(layout);
  auto best = layout.layers;
  for (int i = 0; i < kSweeps && fewest > 0; ++i) {
    sweep(layout, parts, i % 2 == 0);
    if (const std::size_t count = crossings(layout); count < fewest) {
      fewest = count;
      best = layout.layers;
    }
  }
  layout.layers = std::move(best);
  return layout;
}

}  // namespace mecapy::cli
