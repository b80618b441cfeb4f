// What to do about a run that failed: lines that begin with "->".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/limits.h"
#include "model/outcome.h"

namespace mecapy::cli {

// Where the run was, and so who sets its ceilings.
enum class Place : std::uint8_t { here, server };

// What is known of a run, for advice.
struct RunAsked {
  Place place = Place::server;
  std::string file = "calc.py";  // the author's name for his code
  std::string more_by = "-l ";   // what stands before "memory_mb=N" in a command that asks for more
  std::optional<std::string> inputs{};      // the JSON object that was sent; nothing: not known
  std::optional<model::Limits> limits{};    // of a run here
  std::optional<model::Limits> ceilings{};  // of this machine
  std::string of_ceilings{};                // said after how one is raised here
};

// The limit that the run ran into, "timeout_s"; "" where it was none that can be raised.
std::string_view limit_reached(const model::Failure& failure);

// One line, ended and harmless; "" when there is nothing to say.
std::string failure_advice(const model::Failure& failure, const RunAsked& asked);

}  // namespace mecapy::cli
