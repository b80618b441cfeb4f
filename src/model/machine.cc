#include "model/machine.h"

#include <array>

namespace mecapy::model {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"intended", "placing", "booting",
                                                    "working",  "ending",  "gone"};

}  // namespace

std::string_view name(MachineState state) { return kNames[static_cast<std::size_t>(state)]; }

std::optional<MachineState> parse_machine_state(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<MachineState>(i);
  }
  return std::nullopt;
}

std::string claimant_of(const MachineId& machine) { return "home:" + machine.str(); }

}  // namespace mecapy::model
