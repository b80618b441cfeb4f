// What the first request for this platform, the seed, says that it costs, and the same computed
// with the prices of today. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cost/cost.h"
#include "cost/words.h"

namespace mecapy::cost {

inline constexpr double kDaysAMonth = 30;

// One line of the seed's tables, a month.
struct Line {
  std::string service;
  std::string quantity;  // "100 h of 2 GB and 1 vCPU"
  Range seed;            // what the seed says
  Range now;
  bool known = true;  // false: a price in it is unknown, and the seed's figure stands for it
};

struct Phase {
  std::string name;
  double runs_a_day = 0;  // up to which it goes
  std::vector<Line> lines;
  Range seed_sum;  // as the seed has it
  Range now_sum;
  Range rest;         // of now_sum, all but the containers
  bool known = true;  // as of a line
};

// The seed's phases at these prices: its own quantities, with a container of 2 GB and 1 vCPU, free
// allowances counted.
std::vector<Phase> phases(const Prices& prices);

// Where the seed's figures differ, and why, in words for people. What an override of the prices
// makes equal is not in it.
struct Difference {
  std::string what;
  std::string seed;
  std::string now;
  std::string why;
};
std::vector<Difference> differences(const Prices& prices);

}  // namespace mecapy::cost
