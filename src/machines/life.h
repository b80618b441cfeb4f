// The life of a machine made for one run: a table of states and events. Pure; the keeper does what
// it says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/machine.h"

namespace mecapy::machines {

using model::MachineState;

enum class Event : std::uint8_t {
  begun,        // its keeper turns to it
  placed,       // its placer has made all of it
  refused,      // its placer has not, and said why
  left_behind,  // the process that was placing it is gone: what was asked for is not known
  called_home,  // its worker asked for the run, and has it
  silent,       // its worker has not called home in time
  vanished,     // its placer does not see it run any more
  unwanted,     // its run ended, was cancelled, or is another attempt's
  outlived,     // it is there beyond its life
  cleared,      // nothing of it is left
};
std::string_view name(Event event);

// What the keeper does once the new state is written.
enum class Action : std::uint8_t {
  none,
  place,     // ask the placer for it
  destroy,   // ask the placer to take it away, until nothing is left
  put_back,  // the same, and its run goes back to wait, or fails when it was the last attempt
};

struct Transition {
  MachineState from;
  Event event;
  MachineState to;
  Action action;
};

const std::vector<Transition>& life_table();

// What the keeper asks about a machine in a state, in this order: the first that holds is fired.
struct Question {
  MachineState state;
  Event event;
};
const std::vector<Question>& questions();

// What `event` makes of a machine in `from`; nothing when it makes no difference there.
std::optional<Transition> next(MachineState from, Event event);

// The table as a state diagram in Mermaid's words, as ARCHITECTURE.md shows it.
std::string life_diagram();

}  // namespace mecapy::machines
