// Numbers that strangers say, as whole numbers: a cast of one that does not fit is undefined.
#pragma once

#include <cmath>
#include <limits>

namespace mecapy::base {

// `value` without its fraction; the nearest one that fits when it does not, 0 for NaN.
template <class Whole>
Whole whole(double value) {
  if (std::isnan(value)) return 0;
  constexpr auto kLeast = std::numeric_limits<Whole>::min();
  constexpr auto kMost = std::numeric_limits<Whole>::max();
  if (value <= static_cast<double>(kLeast)) return kLeast;
  // As a double the largest may be one more than itself.
  if (value >= static_cast<double>(kMost)) return kMost;
  return static_cast<Whole>(value);
}

}  // namespace mecapy::base
