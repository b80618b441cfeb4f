// A machine made for one run, from the intent to make it until nothing of it is left.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "model/ids.h"
#include "model/limits.h"

namespace mecapy::model {

// machines/life.h has the transitions.
enum class MachineState : std::uint8_t {
  intended,  // nothing was asked for yet
  placing,   // asked for; its parts are being made
  booting,   // made; its worker has not called home yet
  working,   // its worker has the run
  ending,    // to be taken away; whatever of it calls home is sent away
  gone,      // nothing of it is left
};
std::string_view name(MachineState state);
std::optional<MachineState> parse_machine_state(std::string_view name);
// Whether it may still run, or be about to run, what it is for.
inline bool is_live(MachineState s) { return s <= MachineState::working; }

struct Machine {
  MachineId id{};
  RunId run_id{};
  std::string placer;  // who made it, as machines.placers names it
  std::string type;    // as its placer calls it
  std::string zone;    // "" where there are none
  Limits limits{};     // of its run: its size, where its placer cuts machines to size
  MachineState state = MachineState::intended;
  int attempt = 0;         // of the run, once its worker has it
  std::string token_hash;  // SHA-256 of the token its worker calls home with, hexadecimal
  std::string parts;       // what is known of its parts: only its placer reads it
  std::string said;        // the last that is known of it, for people
  base::TimePoint made_at{};
  base::TimePoint boot_until{};  // until its worker must have called home
  base::TimePoint life_until{};  // until it must be gone, whatever happens
  std::optional<base::TimePoint> called_at{};
  std::optional<base::TimePoint> ending_at{};
  std::optional<base::TimePoint> gone_at{};
};

// The claimant of a run that a machine's worker has.
std::string claimant_of(const MachineId& machine);

}  // namespace mecapy::model
