// What the server says of machines, read. What is not there is empty or 0.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace mecapy::client {

struct MachineAnswer {
  std::string id;
  std::string run_id;
  std::string placer;
  std::string type;
  std::string zone;
  std::string state;
  std::string said;
  double age_s = 0;
  std::optional<double> eur{};  // since it was asked for; nothing when nobody knows the price
};
// unavailable for what is none; so both.
Result<MachineAnswer> read_machine(const std::string& json);

struct LeftoverAnswer {
  std::string placer;
  std::string kind;
  std::string zone;
  std::string id;
  std::string since;
  std::string said;
  bool retired = false;
};
Result<LeftoverAnswer> read_leftover(const std::string& json);

}  // namespace mecapy::client
