#include "machines/life.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace mecapy::machines {
namespace {

constexpr std::array<std::string_view, 10> kEventNames = {
    "begun",  "placed",   "refused",  "left_behind", "called_home",
    "silent", "vanished", "unwanted", "outlived",    "cleared"};

}  // namespace

std::string_view name(Event event) { return kEventNames[static_cast<std::size_t>(event)]; }

const std::vector<Transition>& life_table() {
  using S = MachineState;
  using E = Event;
  using A = Action;
  // Before `working` its run waits, and nothing of the run is to be put back: it wants another
  // machine as soon as this one is ending.
  static const std::vector<Transition> table = {
      {S::intended, E::begun, S::placing, A::place},
      {S::intended, E::unwanted, S::gone, A::none},  // nothing was asked for
      {S::placing, E::placed, S::booting, A::none},
      {S::placing, E::refused, S::ending, A::destroy},
      {S::placing, E::left_behind, S::ending, A::destroy},
      {S::placing, E::unwanted, S::ending, A::destroy},
      {S::placing, E::called_home, S::working, A::none},  // before its placer has told
      {S::booting, E::called_home, S::working, A::none},
      {S::booting, E::silent, S::ending, A::destroy},
      {S::booting, E::outlived, S::ending, A::destroy},
      {S::booting, E::vanished, S::ending, A::destroy},
      {S::booting, E::unwanted, S::ending, A::destroy},
      {S::working, E::unwanted, S::ending, A::destroy},
      {S::working, E::vanished, S::ending, A::put_back},
      {S::working, E::outlived, S::ending, A::put_back},
      {S::ending, E::cleared, S::gone, A::none},
  };
  return table;
}

const std::vector<Question>& questions() {
  using S = MachineState;
  using E = Event;
  static const std::vector<Question> table = {
      {S::intended, E::unwanted},   {S::intended, E::begun},   {S::placing, E::unwanted},
      {S::placing, E::left_behind}, {S::booting, E::unwanted}, {S::booting, E::silent},
      {S::booting, E::outlived},    {S::booting, E::vanished}, {S::working, E::unwanted},
      {S::working, E::outlived},    {S::working, E::vanished},
  };
  return table;
}

std::optional<Transition> next(MachineState from, Event event) {
  const auto& table = life_table();
  const auto it = std::ranges::find_if(
      table, [&](const Transition& t) { return t.from == from && t.event == event; });
  if (it == table.end()) return std::nullopt;
  return *it;
}

std::string life_diagram() {
  std::map<std::pair<MachineState, MachineState>, std::string> arrows;
  for (const Transition& t : life_table()) {
    std::string& events = arrows[{t.from, t.to}];
    events += (events.empty() ? "" : ", ") + std::string(name(t.event));
    if (t.action == Action::put_back) events += " (its run is put back)";
  }
  std::string text = "stateDiagram-v2\n  [*] --> intended\n";
  for (const auto& [states, events] : arrows) {
    text += "  " + std::string(model::name(states.first)) + " --> " +
            std::string(model::name(states.second)) + ": " + events + "\n";
  }
  return text + "  gone --> [*]\n";
}

}  // namespace mecapy::machines
