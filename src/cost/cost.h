// What a run costs, and what a month of runs costs: usage times price. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cost/prices.h"
#include "model/limits.h"
#include "model/run.h"

namespace mecapy::cost {

// What is billed of one run, or of one attempt of it.
struct Usage {
  std::string backend;  // model::kLocal, kServerless or kDedicated
  // What was allocated, and for how long: that is billed, used or not.
  double wall_s = 0;
  double cpus = 0;
  double memory_gb = 0;  // GB of 1024 MB
  // kDedicated: its machine, as its placer calls it, from being asked for until it was gone.
  std::string placer{};
  std::string type{};
  double machine_s = 0;
  std::int64_t stored_bytes = 0;  // kept in a bucket
  std::int64_t egress_bytes = 0;  // sent out of the bucket's region
};

// Usage of a run with `limits` that used `used`: its place was its own from the sandbox's order to
// its end. The machine, and where its bytes lie, are for the caller to add.
Usage usage_of(std::string_view backend, const model::Usage& used, const model::Limits& limits);

inline constexpr double kMbAGb = 1024;  // of memory, as it is billed

// What a container of a serverless host can have (Scaleway's limits of 2025-09).
inline constexpr double kContainerSeconds = 3600;
inline constexpr double kContainerCpus = 6;
inline constexpr double kContainerMemoryGb = 12228 / kMbAGb;
bool fits_a_container(const Usage& usage);

// One line of a bill. EUR are rounded to 10^-12.
struct Component {
  std::string name;  // "vcpu", "memory", "machine", "storage", "egress"
  std::string item;  // of its price
  double quantity = 0;
  std::string unit;
  double free = 0;                   // of `quantity`, by the account's allowance
  std::optional<double> eur_each{};  // of one unit; nothing: the price is unknown
  std::optional<double> eur{};
};

// Whether what an account has for nothing every month is taken off. It is the account's: no single
// run can claim it.
enum class Allowances : std::uint8_t { left_out, counted };
std::string_view name(Allowances allowances);

struct Cost {
  std::vector<Component> components;
  double eur = 0;         // of those whose price is known
  bool complete = true;   // no price is unknown
  std::string prices_of;  // date of the oldest price in it; "" when there is none
  Allowances allowances = Allowances::left_out;
};

// Free allowances are left out. Storage is that of one month. A machine's volume and address are
// not in it.
Cost run_cost(const Prices& prices, const Usage& usage);

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
