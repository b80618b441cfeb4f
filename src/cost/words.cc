#include "cost/words.h"

#include <cmath>
#include <cstdio>

namespace mecapy::cost {
namespace {

std::string fixed(double value, int decimals) {
  char text[400];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

// Without zeros at the end of a fraction.
std::string shortened(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}

// Spaces between groups of three digits before the point, where there are five or more.
std::string grouped(std::string text) {
  const std::size_t point = text.find('.');
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  std::size_t at = point == std::string::npos ? text.size() : point;
  if (at <= first + 4) return text;
  while (at > first + 3) text.insert(at -= 3, " ");
  return text;
}

// Decimals by which `value`, below 1, shows `digits` digits that count.
int decimals_for(double value, int digits) {
  return digits - 1 - static_cast<int>(std::floor(std::log10(std::abs(value))));
}

}  // namespace

std::string euros(double eur) {
  if (eur == 0) return "0";
  if (std::abs(eur) >= 0.01) return grouped(fixed(eur, 2));
  return shortened(fixed(eur, decimals_for(eur, 3)));
}

std::string unit_price(double eur) { return shortened(fixed(eur, 12)); }

std::string amount(double value) {
  if (value == 0) return "0";
  if (std::abs(value) >= 1e5 || value == std::floor(value)) return grouped(fixed(value, 0));
  return grouped(shortened(fixed(value, decimals_for(value, 6))));
}

std::string euros(Range range) {
  const std::string low = euros(range.low);
  const std::string high = euros(range.high);
  return low == high ? low : low + "-" + high;
}

}  // namespace mecapy::cost
