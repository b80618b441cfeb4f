// The JSON of machines made for runs, and of what of them could not be removed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/machine.h"
#include "wire/schema.h"

namespace mecapy::wire {

std::vector<ObjectSpec> machine_specs();

// As it is `now`; `hour_eur` is the price of an hour of it, nothing when nobody knows it.
std::string machine_json(const model::Machine& machine, base::TimePoint now,
                         std::optional<double> hour_eur);

struct LeftoverAnswer {
  std::string placer;
  std::string kind;
  std::string zone;
  std::string id;
  std::string machine;
  std::string said;
  base::TimePoint since{};
  bool retired = false;  // nobody lists it any more
};
std::string leftover_json(const LeftoverAnswer& part);

}  // namespace mecapy::wire
