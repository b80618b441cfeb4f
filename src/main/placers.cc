#include "main/placers.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <utility>

#include "base/listed.h"
#include "main/placer_table.h"

namespace mecapy::main {
namespace {

constexpr char kAt[] = " at ";  // before the host, where each sees its own

constexpr std::chrono::hours kDeserted{24};

// Those there are.
std::string all_names() {
  std::vector<std::string_view> names;
  for (const PlacerRow& row : placer_table()) names.push_back(row.name);
  return base::listed(names, " and ");
}

}  // namespace

Result<void> check_placers(const config::Settings& settings) {
  for (const std::string& name : placer_names(settings.machines_placers)) {
    const PlacerRow* const row = find_placer(name);
    if (row == nullptr) {
      return fail(ErrorCode::usage,
                  "machines.placers: there is no placer " + name + ": there are " + all_names());
    }
    if (auto fine = row->check(settings); !fine) return fine;
  }
  return {};
}

std::vector<std::unique_ptr<clouds::Placer>> open_placers(const config::Settings& settings,
                                                          const std::string& installation,
                                                          clouds::Processes* processes) {
  std::vector<std::unique_ptr<clouds::Placer>> placers;
  for (const std::string& name : placer_names(settings.machines_placers)) {
    const PlacerRow* const row = find_placer(name);
    auto opened = row == nullptr ? nullptr : row->open(settings, installation, processes);
    if (opened != nullptr) placers.push_back(std::move(opened));
  }
  return placers;
}

std::string ward_name(std::string_view placer) {
  const std::string name(placer);
  const PlacerRow* const row = find_placer(name);
  if (row == nullptr || row->each_host == Sees::the_same) return name;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) return name;
  return name + kAt + host.data();
}

std::vector<std::string> placers_in_use(const config::Settings& settings) {
  std::vector<std::string> all = placer_names(settings.machines_placers);
  for (const std::string& name : placer_names(settings.machines_placers)) {
    if (std::string ward = ward_name(name); ward != name) all.push_back(std::move(ward));
  }
  return all;
}

bool is_retired(const config::Settings& settings, std::string_view ward) {
  const std::string_view placer = ward.substr(0, ward.find(kAt));
  const std::vector<std::string> used = placer_names(settings.machines_placers);
  return std::ranges::find(used, placer) == used.end();
}

bool is_deserted(const config::Settings& settings, std::string_view ward, base::TimePoint begun_at,
                 base::TimePoint now) {
  const auto at = ward.find(kAt);
  if (at == std::string_view::npos || ward_name(ward.substr(0, at)) == ward) return false;
  const std::chrono::seconds every(std::llround(settings.machines_reap_s));
  return now - begun_at > std::max<std::chrono::seconds>(kDeserted, 3 * every);
}

std::string advice_of_deserted(std::string_view ward) {
  const std::string name(ward);
  return "nobody has compared " + name +
         " for a day: when that host is gone, end this with: mecapy machines --forget '" + name +
         "'";
}

std::string advice_of_retired(std::string_view ward) {
  const std::string name(ward);
  return "machines.placers does not name " + name +
         ": name it again, and what is left is removed; or look there yourself, and then end this "
         "with: mecapy machines --forget '" +
         name + "'";
}

std::string advice_of_waiting(std::size_t runs) {
  return "runs that wait for a machine: " + std::to_string(runs) +
         ", and machines.placers is empty: name who makes machines, or cancel them";
}

}  // namespace mecapy::main
