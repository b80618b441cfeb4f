// What of a run is billed, and what it costs: plain values. src/cost has the prices.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/limits.h"
#include "model/run.h"

namespace mecapy::model {

// What is billed of a run, or of a part of it.
struct Billed {
  std::string backend;  // kLocal, kServerless or kDedicated
  // What was allocated, and for how long: that is billed, used or not.
  double wall_s = 0;
  double cpus = 0;
  double memory_gb = 0;  // GB of 1024 MB
  // kDedicated: its machine, as its placer calls it, from being asked for until it was gone; ""
  // where the machine is not in it.
  std::string placer{};
  std::string type{};
  double machine_s = 0;
  std::int64_t stored_bytes = 0;  // kept in a bucket
  std::int64_t egress_bytes = 0;  // sent out of the bucket's region
};

inline constexpr double kMbAGb = 1024;  // of memory, as it is billed

// A machine made for a run, by the names its placer has, from being asked for until it was gone.
struct UsedMachine {
  std::string placer;
  std::string type;
  double seconds = 0;
};
// What of a run a bill is for: an attempt, a machine, or both.
struct Used {
  std::string backend;
  std::optional<double>
      attempt_s{};  // that an attempt held its place; nothing: there is none in it
  std::optional<UsedMachine> machine{};
  std::int64_t object_bytes = 0;  // that the attempt left in a bucket that is billed
};
// Its bill. Here alone the parts of a bill are set: what is recorded of a run, what is expected of
// it and what budgets count while it is at work have the same parts.
Billed bill(const Used& used, const Limits& limits);
// Seconds from the order to its sandbox to its end.
double billed_seconds(const Usage& used);

// The lines that a bill can have.
enum class CostKind : std::uint8_t { vcpu, memory, machine, storage, egress };
struct CostKindRow {
  CostKind kind;
  std::string_view name;
  std::string_view unit;
};
inline constexpr std::array kCostKinds = {
    CostKindRow{CostKind::vcpu, "vcpu", "vCPU-s"},
    CostKindRow{CostKind::memory, "memory", "GB-s"},
    CostKindRow{CostKind::machine, "machine", "h"},
    CostKindRow{CostKind::storage, "storage", "GB-month"},
    CostKindRow{CostKind::egress, "egress", "GB"},
};
const CostKindRow& row_of(CostKind kind);

// What a bill costs, by the prices of today. Called on any thread; pure.
using Pricing = std::function<Cost(const Billed&)>;

// EUR as the store counts them: in units of 10^-12, without the noise of binary fractions. 0 for
// what is none.
std::int64_t pico_euros(double eur);
double euros_of(std::int64_t pico);

// As budgets tell them, "0.0496 EUR": four digits that count; cents from 1000 EUR on.
std::string euros_text(double eur);

// `cost` with that of another part of the same run: quantities and EUR of the same item add up.
void add(Cost& cost, const Cost& more);

// Why a cost that is not complete is not.
inline constexpr std::string_view kStillRuns = "the run has not ended";
inline constexpr std::string_view kMachineThere = "its machine is not gone yet";
// The items without a price, in words; "" when there is none.
std::string unknown_prices(const Cost& cost);

}  // namespace mecapy::model
