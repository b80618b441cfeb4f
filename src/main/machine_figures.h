// What machines there are, how old, and what they cost so far: for metrics and doctor.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cost/prices.h"
#include "metrics/metrics.h"
#include "model/machine.h"

namespace mecapy::machines {
class Keeper;
class Reaper;
}  // namespace mecapy::machines

namespace mecapy::main {

// Machines of one type, those that are not gone.
struct MachineKind {
  std::string placer;
  std::string type;
  std::array<std::size_t, 5> by_state{};  // as model::MachineState has them
  double oldest_s = 0;
  double eur = 0;            // since they were asked for, at the price of an hour
  std::size_t unpriced = 0;  // of which nobody knows the price; not in `eur`
};
std::vector<MachineKind> kinds_of(const std::vector<model::Machine>& machines, base::TimePoint now,
                                  const cost::Prices& prices);

// The price of an hour of it; nothing when nobody knows it.
std::optional<double> hour_eur(const cost::Prices& prices, const model::Machine& machine);

// Of all processes on the store what it says, and what this one did.
void figures_of_machines(const machines::Keeper& keeper, const machines::Reaper& reaper,
                         base::TimePoint now, const cost::Prices& prices,
                         metrics::Figures& figures);

}  // namespace mecapy::main
