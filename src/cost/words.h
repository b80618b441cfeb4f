// Figures of costs as people read them.
#pragma once

#include <string>

namespace mecapy::cost {

// Cents and more: "8.40", "12 345.60"; below a cent three digits that count: "0.00036"; "0" of
// none.
std::string euros(double eur);
// All digits of a unit's price: "0.000001", "0.7875".
std::string unit_price(double eur);
// "1 800 000", "0.00833": whole numbers in groups of three; six digits that count of others.
std::string amount(double value);

// From the lowest to the highest.
struct Range {
  double low = 0;
  double high = 0;
  friend Range operator+(Range a, Range b) { return {a.low + b.low, a.high + b.high}; }
};
// "8.40", or "37.10-40.10".
std::string euros(Range range);

}  // namespace mecapy::cost
