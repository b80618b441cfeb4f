#include <algorithm>
#include <cmath>
#include <ranges>

#include "cli/graph_layout.h"

namespace mecapy::cli {
namespace {

constexpr int kPasses = 16;
constexpr double kBendWeight = 4;      // a bend out of line shows more than a node,
constexpr double kBendsTogether = 16;  // above all between two bends

// One layer. Where its places would stand without the widths and gaps of those to their left
// ("slack") never falls from left to right: that is all that keeps them apart.
class Row {
 public:
  Row(const Layout& layout, std::size_t at, int gap) : layout_(layout), layer_(layout.layers[at]) {
    for (const std::size_t place : layer_) {
      offsets_.push_back(width_);
      width_ += layout.places[place].width + gap;
    }
    width_ = std::max(0, width_ - gap);
  }

  int width() const { return width_; }

  // Moves `slacks` to the nearest (least squares) that fit their `wanted` values into `room`:
  // neighbours that want to pass each other meet at their mean.
  void settle(std::vector<double>& slacks, int room) const {
    struct Group {
      double sum, weight;
      std::size_t count;
      double mean() const { return sum / weight; }
    };
    std::vector<Group> groups;
    for (std::size_t i = 0; i < layer_.size(); ++i) {
      const double weight = layout_.places[layer_[i]].bend ? kBendWeight : 1;
      groups.push_back({slacks[i] * weight, weight, 1});
      while (groups.size() > 1 && groups[groups.size() - 2].mean() > groups.back().mean()) {
        const Group last = groups.back();
        groups.pop_back();
        groups.back().sum += last.sum;
        groups.back().weight += last.weight;
        groups.back().count += last.count;
      }
    }
    std::size_t i = 0;
    for (const Group& group : groups) {
      const double slack = std::clamp(group.mean(), 0., static_cast<double>(room - width_));
      for (std::size_t n = 0; n < group.count; ++n) slacks[i++] = slack;
    }
  }

  // Towards the mean of those that each place is connected with.
  void pull(std::vector<double>& lefts, bool by_above, bool by_below, int room) const {
    std::vector<double> slacks;
    for (std::size_t i = 0; i < layer_.size(); ++i) {
      const Place& place = layout_.places[layer_[i]];
      double sum = 0;
      double weight = 0;
      const auto add = [&](const std::vector<std::size_t>& others) {
        for (const std::size_t at : others) {
          const Place& other = layout_.places[at];
          const double share = place.bend && other.bend ? kBendsTogether : 1;
          sum += share * (lefts[at] + other.width / 2);
          weight += share;
        }
      };
      if (by_above) add(place.above);
      if (by_below) add(place.below);
      const double left = weight == 0 ? lefts[layer_[i]] : sum / weight - place.width / 2;
      slacks.push_back(left - offsets_[i]);
    }
    settle(slacks, room);
    for (std::size_t i = 0; i < layer_.size(); ++i) lefts[layer_[i]] = slacks[i] + offsets_[i];
  }

  void centre(std::vector<double>& lefts, int room) const {
    for (std::size_t i = 0; i < layer_.size(); ++i)
      lefts[layer_[i]] = offsets_[i] + (room - width_) / 2.;
  }

  // Slacks are rounded, not ends: so gaps stay.
  void take(Layout& layout, const std::vector<double>& lefts) const {
    for (std::size_t i = 0; i < layer_.size(); ++i) {
      const double slack = lefts[layer_[i]] - offsets_[i];
      layout.places[layer_[i]].left =
          offsets_[i] + static_cast<int>(std::floor(slack + 0.5 - 1e-6));
    }
  }

 private:
  const Layout& layout_;
  const std::vector<std::size_t>& layer_;
  std::vector<int> offsets_;
  int width_ = 0;
};

}  // namespace

void spread(Layout& layout, int gap) {
  std::vector<Row> rows;
  layout.width = 0;
  for (std::size_t at = 0; at < layout.layers.size(); ++at) {
    rows.emplace_back(layout, at, gap);
    layout.width = std::max(layout.width, rows.back().width());
  }
  std::vector<double> lefts(layout.places.size());
  for (const Row& row : rows) row.centre(lefts, layout.width);
  for (int pass = 0; pass < kPasses; ++pass) {
    const bool last = pass >= kPasses - 2;  // both sides are heard
    for (const Row& row : rows) row.pull(lefts, true, last, layout.width);
    for (const Row& row : std::views::reverse(rows)) row.pull(lefts, last, true, layout.width);
  }
  for (const Row& row : rows) row.take(layout, lefts);
}

}  // namespace mecapy::cli
