// What a run costs, and what a month of runs costs: usage times price. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cost/prices.h"
#include "model/cost.h"

namespace mecapy::cost {

using Usage = model::Billed;
using Component = model::CostComponent;
using model::Allowances;
using model::Cost;
using model::kMbAGb;

// What a container of a serverless host can have (Scaleway's limits of 2025-09).
inline constexpr double kContainerSeconds = 3600;
inline constexpr double kContainerCpus = 6;
inline constexpr double kContainerMemoryGb = 12228 / kMbAGb;
bool fits_a_container(const Usage& usage);

// Free allowances are left out. Storage is that of one month. A machine's volume and address are
// not in it.
Cost run_cost(const Prices& prices, const Usage& usage);
// run_cost with these prices, for who keeps what runs cost.
model::Pricing pricing(Prices prices);

// So many runs a month like `each`.
struct Load {
  Usage each;
  double runs = 0;
};
// Of all loads together: an allowance is taken off once.
Cost month_cost(const Prices& prices, const std::vector<Load>& loads, Allowances allowances);

// What a machine must have for a run.
struct MachineNeed {
  std::string placer;
  double cpus = 1;
  double memory_gb = 0;
  int gpus = 0;
};
// The machine of the lowest known price that has it, and more memory: its system and the worker
// need some, too. Nothing when no machine of the table does.
const Machine* cheapest(const Prices& prices, const MachineNeed& need);

}  // namespace mecapy::cost
