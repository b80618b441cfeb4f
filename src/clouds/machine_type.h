// The kinds of machine that an operator lets us make, as settings name them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "clouds/placer.h"

namespace mecapy::clouds {

struct MachineType {
  std::string name;  // as offers and prices call it
  int cpus = 1;
  std::int64_t memory_mb = 0;  // of the machine
  int gpus = 0;
  std::string id{};  // as its cloud calls it, where that is another name
};

// NAME:CPUS:MEMORY_MB[:GPUS][=ID] with spaces between. usage for another text; `setting` is named.
Result<std::vector<MachineType>> parse_machine_types(std::string_view setting,
                                                     std::string_view text);

// What its system and worker need of a machine's memory; the rest is the run's.
inline constexpr std::int64_t kSystemMb = 768;

// Each type in each zone: types in order of preference, and of each the zones.
std::vector<Offer> offers_of(const std::vector<MachineType>& types,
                             const std::vector<std::string>& zones);

}  // namespace mecapy::clouds
