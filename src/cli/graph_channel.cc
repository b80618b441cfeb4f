#include "cli/graph_channel.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>
#include <set>

namespace mecapy::cli {
namespace {

// Columns from one end to the next.
constexpr int kApart = 2;
constexpr int kWished = 6;  // where there is room
// So near a line need not turn aside.
constexpr int kNear = 2;

// Where a net is to end.
struct End {
  int wanted;
  int weight;           // of each column aside
  std::set<int> taken;  // columns in which another net begins
};

// Columns for ends, in their order and kApart or more apart, as near as can be to the wanted ones.
std::optional<std::vector<int>> chosen(const std::vector<End>& ends, int first, int last) {
  constexpr int kNever = std::numeric_limits<int>::max() / 2;
  const auto columns = static_cast<std::size_t>(std::max(0, last - first + 1));
  // What ends 0 to i cost at least, the last of them at or left of a column.
  std::vector<std::vector<int>> costs(ends.size() + 1, std::vector<int>(columns + kApart, 0));
  const auto cost = [&](std::size_t i, std::size_t at) {
    const int column = first + static_cast<int>(at);
    if (ends[i].taken.contains(column)) return kNever;
    return std::min(kNever, costs[i][at] + ends[i].weight * std::abs(column - ends[i].wanted));
  };
  for (std::size_t i = 0; i < ends.size(); ++i) {
    std::fill_n(costs[i + 1].begin(), kApart, kNever);
    for (std::size_t at = 0; at < columns; ++at)
      costs[i + 1][at + kApart] = std::min(costs[i + 1][at + kApart - 1], cost(i, at));
  }
  std::vector<int> found(ends.size());
  std::size_t bound = columns;
  for (std::size_t i = ends.size(); i-- > 0;) {
    const int least = bound == 0 ? kNever : costs[i + 1][bound - 1 + kApart];
    if (least >= kNever) return std::nullopt;
    std::size_t at = 0;
    while (cost(i, at) != least) ++at;
    found[i] = first + static_cast<int>(at);
    bound = at < kApart ? 0 : at - kApart + 1;
  }
  return found;
}

// Ends `nets` in `place`.
bool end_at(Place& place, std::vector<Net*> nets, const std::map<int, const Net*>& tops,
            int width) {
  const int inwards = place.bend ? -1 : 1;
  const int first = std::max(place.left + inwards, 0);
  const int last = std::min(place.left + place.width - inwards, width) - 1;
  std::ranges::stable_sort(nets, {},
                           [](const Net* net) { return net->tops.front() + net->tops.back(); });
  const auto count = static_cast<int>(nets.size());
  const int step = std::clamp((last - first + 1) / (count + 1), kApart, kWished);
  int middle = place.centre() - (count - 1) * step / 2;
  std::vector<End> ends;
  for (const Net* net : nets) {
    const auto aside = [middle](int top) { return std::abs(top - middle); };
    const int top = std::ranges::min(net->tops, {}, aside);
    // A straight line down, where one can be had.
    const bool alone = net->tops.size() == 1 && net->to.size() == 1;
    const bool straight = first <= top && top <= last && (alone || aside(top) <= kNear);
    ends.push_back({straight ? top : middle, straight ? 2 : 1, {}});
    for (const auto& [column, other] : tops) {
      if (other != net) ends.back().taken.insert(column);
    }
    middle += step;
  }
  const auto found = chosen(ends, first, last);
  if (!found) return false;
  for (std::size_t i = 0; i < nets.size(); ++i) nets[i]->bottoms.push_back((*found)[i]);
  if (place.bend) place.left = found->front();
  return true;
}

// How often two nets cross when `upper` has its row above that of `lower`.
std::ptrdiff_t crossings(const Net& upper, const Net& lower) {
  const auto within = [](const std::vector<int>& ends, const Net& net) {
    return std::ranges::count_if(ends,
                                 [&](int end) { return net.first() < end && end < net.last(); });
  };
  return within(upper.bottoms, lower) + within(lower.tops, upper);
}

// Their rows, from above; how many.
int stack(std::vector<Net>& nets) {
  std::vector<Net*> order;
  for (Net& net : nets) {
    if (!net.straight()) order.push_back(&net);
  }
  std::ranges::stable_sort(order, {}, [](const Net* net) { return net->first(); });
  for (std::size_t pass = 0; pass < order.size(); ++pass) {
    for (std::size_t i = 0; i + 1 < order.size(); ++i) {
      if (crossings(*order[i + 1], *order[i]) < crossings(*order[i], *order[i + 1]))
        std::swap(order[i], order[i + 1]);
    }
  }
  int rows = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    Net& net = *order[i];
    for (std::size_t j = 0; j < i; ++j) {
      const bool apart = order[j]->last() + 1 < net.first() || net.last() + 1 < order[j]->first();
      if (!apart) net.row = std::max(net.row, order[j]->row + 1);
    }
    rows = std::max(rows, net.row + 1);
  }
  return rows;
}

}  // namespace

int Net::first() const { return std::min(std::ranges::min(tops), std::ranges::min(bottoms)); }
int Net::last() const { return std::max(std::ranges::max(tops), std::ranges::max(bottoms)); }

std::vector<Net> nets_below(const Layout& layout, std::size_t layer) {
  std::vector<Net> nets;
  std::map<std::vector<std::size_t>, std::size_t> by_ends;
  for (const std::size_t place : layout.layers[layer]) {
    std::vector<std::size_t> ends = layout.places[place].below;
    if (ends.empty()) continue;
    std::ranges::sort(ends);
    const auto [known, is_new] = by_ends.try_emplace(ends, nets.size());
    if (is_new) nets.push_back({.from = {}, .to = ends, .tops = {}, .bottoms = {}});
    nets[known->second].from.push_back(place);
  }
  return nets;
}

std::optional<int> route(Layout& layout, std::vector<Net>& nets) {
  std::map<int, const Net*> tops;
  std::map<std::size_t, std::vector<Net*>> arriving;
  for (Net& net : nets) {
    for (const std::size_t place : net.from) {
      net.tops.push_back(layout.places[place].centre());
      tops[net.tops.back()] = &net;
    }
    for (const std::size_t place : net.to) arriving[place].push_back(&net);
  }
  for (const auto& [place, ending] : arriving) {
    if (!end_at(layout.places[place], ending, tops, layout.width)) return std::nullopt;
  }
  return stack(nets);
}

int width_for(std::size_t nets) { return 4 * static_cast<int>(nets) + 1; }

}  // namespace mecapy::cli
