// Every placer there is, in one table. What a placer offers is known from its row alone, before it
// is opened and whoever serves: routing, ceilings and budgets go by that.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "clouds/local.h"
#include "clouds/placer.h"
#include "config/settings.h"

namespace mecapy::main {

// Whether all hosts see the same machines of a placer, or each its own.
enum class Sees : std::uint8_t { the_same, its_own };

struct PlacerRow {
  std::string_view name;  // in machines.placers; what it opens has the same
  Sees each_host;
  // usage for the first setting that it lacks or cannot work with.
  Result<void> (*check)(const config::Settings&);
  // What check() found fine, with the offers of `offers`. `processes` must outlive it; nothing
  // without them, where it needs some.
  std::unique_ptr<clouds::Placer> (*open)(const config::Settings&, const std::string& installation,
                                          clouds::Processes* processes);
  // Nothing of what check() refuses.
  std::vector<clouds::Offer> (*offers)(const config::Settings&);
};

std::span<const PlacerRow> placer_table();
// nullptr when there is none of that name.
const PlacerRow* find_placer(std::string_view name);
// The names that a text like machines.placers has, in its order, whoever they are.
std::vector<std::string> placer_names(const std::string& text);

}  // namespace mecapy::main
