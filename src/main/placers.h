// The placers that machines.placers names.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "clouds/local.h"
#include "clouds/placer.h"
#include "config/settings.h"

namespace mecapy::main {

// usage for a placer that is none, and for settings that it cannot work with.
Result<void> check_placers(const config::Settings& settings);

// In the order of the setting. What they make carries the name `installation` (store.h), by which
// it is found again. Without `processes`, which must outlive them, those that need no process here.
std::vector<std::unique_ptr<clouds::Placer>> open_placers(const config::Settings& settings,
                                                          const std::string& installation,
                                                          clouds::Processes* processes);

// By what name what a placer lists is compared with the machines: that of the placer, where every
// process sees the same; with that of this host, where each sees its own.
std::string ward_name(std::string_view placer);
// The placers of the setting, each by its name and, where that is another one, by its ward's.
std::vector<std::string> placers_in_use(const config::Settings& settings);
// Whether the setting names no placer any more that lists what `ward` names. Of a placer that is
// used each host has its own: another host's is in use.
bool is_retired(const config::Settings& settings, std::string_view ward);
// Whether it is of another host's placer, and that host is gone: nobody has begun to compare it for
// a day. `begun_at` is 0 where whoever did is dead.
bool is_deserted(const config::Settings& settings, std::string_view ward, base::TimePoint begun_at,
                 base::TimePoint now);
// What to do about what is left of that.
std::string advice_of_deserted(std::string_view ward);
// What to do about what is left of one that is retired.
std::string advice_of_retired(std::string_view ward);
// What is wrong when so many runs wait for a machine and the setting names nobody.
std::string advice_of_waiting(std::size_t runs);

}  // namespace mecapy::main
