#include "machines/offers.h"

#include <algorithm>
#include <chrono>

#include "model/run.h"

namespace mecapy::machines {
namespace {

using std::chrono::seconds;

seconds cooling(clouds::Trouble trouble) {
  switch (trouble) {
    case clouds::Trouble::passing:
      return seconds(10);
    case clouds::Trouble::unknown:
      return seconds(30);
    case clouds::Trouble::out_of_stock:
      return seconds(60);
    case clouds::Trouble::quota:
    case clouds::Trouble::refused:
      return seconds(300);
  }
  return seconds(60);
}

std::string name_of(std::string_view placer, const std::string& type, const std::string& zone) {
  return std::string(placer) + " " + type + (zone.empty() ? "" : " in " + zone);
}

}  // namespace

router::Offer offer_of(const clouds::Offer& machine, double seconds) {
  return {.backend = std::string(model::kDedicated),
          .duration_s = router::Amount(seconds),
          .cpus = router::Amount(machine.cpus),
          .memory_mb = router::Amount(static_cast<double>(machine.memory_mb)),
          .gpus = router::Amount(machine.gpus),
          .for_gpus_only = machine.gpus > 0};
}

std::string offer_name(const clouds::Placer& placer, const clouds::Offer& offer) {
  return name_of(placer.name(), offer.type, offer.zone);
}

std::string offer_name(const model::Machine& machine) {
  return name_of(machine.placer, machine.type, machine.zone);
}

Offers::Pick Offers::pick(const model::Limits& limits) const {
  Pick found;
  const auto now = std::chrono::steady_clock::now();
  const router::Need need = router::need_of(limits.timeout_s, limits);
  for (clouds::Placer* placer : placers_) {
    for (const clouds::Offer& offer : placer->offers()) {
      if (!router::lacking(offer_of(offer, limits.timeout_s), need).empty()) continue;
      const std::string name = offer_name(*placer, offer);
      const auto refused = refused_.find(name);
      if (refused == refused_.end() || refused->second.until <= now) return {placer, &offer, {}};
      found.why_not += (found.why_not.empty() ? "" : "; ") + name + ": " + refused->second.why;
    }
  }
  if (found.why_not.empty()) found.why_not = "no machine that can be had is large enough";
  return found;
}

void Offers::refused(const model::Machine& machine, const clouds::Refusal& refusal) {
  refused_[offer_name(machine)] = {base::after(cooling(refusal.trouble)),
                                   clouds::words_of(refusal)};
  count(machine.placer, clouds::name(refusal.trouble));
}

void Offers::placed(const model::Machine& machine) { count(machine.placer, "placed"); }

void Offers::count(const std::string& placer, std::string_view became) {
  const auto it = std::ranges::find_if(
      placings_, [&](const Placings& one) { return one.placer == placer && one.became == became; });
  if (it != placings_.end()) {
    ++it->times;
  } else {
    placings_.push_back({placer, became, 1});
  }
}

clouds::Placer* Offers::placer_of(const model::Machine& machine) const {
  const auto it = std::ranges::find_if(
      placers_, [&](const clouds::Placer* p) { return p->name() == machine.placer; });
  return it == placers_.end() ? nullptr : *it;
}

}  // namespace mecapy::machines
