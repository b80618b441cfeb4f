#include "main/placer_table.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "main/cloud_placers.h"
#include "main/local_part.h"
#include "main/slurm_part.h"

namespace mecapy::main {
namespace {

using clouds::Processes;
using config::Settings;

constexpr std::array kPlacers = {
    PlacerRow{"local", Sees::its_own, check_local,
              [](const Settings& s, const std::string&,
                 Processes* processes) -> std::unique_ptr<clouds::Placer> {
                if (processes == nullptr) return nullptr;
                return clouds::make_local(local_options(s), *processes);
              },
              [](const Settings& s) { return clouds::local_offers(local_options(s)); }},
    PlacerRow{"scaleway", Sees::the_same, check_scaleway,
              [](const Settings& s, const std::string& installation, Processes*) {
                return clouds::make_scaleway(scaleway_options(s, installation));
              },
              [](const Settings& s) { return clouds::scaleway_offers(scaleway_options(s, "")); }},
    PlacerRow{"openstack", Sees::the_same, check_openstack,
              [](const Settings& s, const std::string& installation, Processes*) {
                return clouds::make_openstack(openstack_options(s, installation));
              },
              [](const Settings& s) { return clouds::openstack_offers(openstack_options(s, "")); }},
    PlacerRow{"slurm", Sees::the_same,
              [](const Settings& s) { return clouds::check_slurm(slurm_options(s, "")); },
              [](const Settings& s, const std::string& installation, Processes*) {
                return clouds::make_slurm(slurm_options(s, installation));
              },
              [](const Settings& s) { return clouds::slurm_offers(slurm_options(s, "")); }},
};

}  // namespace

std::span<const PlacerRow> placer_table() { return kPlacers; }

const PlacerRow* find_placer(std::string_view name) {
  const auto it = std::ranges::find(kPlacers, name, &PlacerRow::name);
  return it == kPlacers.end() ? nullptr : &*it;
}

std::vector<std::string> placer_names(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> found;
  for (std::string name; in >> name;) found.push_back(name);
  return found;
}

}  // namespace mecapy::main
