// What can be had of the placers, and what was refused lately. Runs on one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "clouds/placer.h"
#include "model/limits.h"
#include "model/machine.h"
#include "router/rules.h"

namespace mecapy::machines {

// "scaleway DEV1-S in fr-par-1"
std::string offer_name(const clouds::Placer& placer, const clouds::Offer& offer);
std::string offer_name(const model::Machine& machine);

// For runs of so many seconds. Machines with graphics processors are for runs that ask for them.
router::Offer offer_of(const clouds::Offer& machine, double seconds);

class Offers {
 public:
  // The placers are not owned, in order of preference.
  explicit Offers(std::vector<clouds::Placer*> placers) : placers_(std::move(placers)) {}

  struct Pick {
    clouds::Placer* placer = nullptr;
    const clouds::Offer* offer = nullptr;  // nullptr when there is none now
    std::string why_not{};
  };
  // The first offer that holds a run of these limits and was not refused lately.
  Pick pick(const model::Limits& limits) const;
  // The offer that `machine` is of is not picked for a while: how long, the trouble says.
  void refused(const model::Machine& machine, const clouds::Refusal& refusal);

  void placed(const model::Machine& machine);

  // How often placers were asked for a machine, since this process started.
  struct Placings {
    std::string placer;
    std::string_view became;  // "placed", or the trouble's name
    std::uint64_t times = 0;
  };
  const std::vector<Placings>& placings() const { return placings_; }

  const std::vector<clouds::Placer*>& placers() const { return placers_; }
  // Whose machine it is; nullptr when nobody of that name is here (any more).
  clouds::Placer* placer_of(const model::Machine& machine) const;

 private:
  void count(const std::string& placer, std::string_view became);
  struct Refused {
    base::Deadline until;
    std::string why;
  };
  std::vector<clouds::Placer*> placers_;
  std::unordered_map<std::string, Refused> refused_;  // by the offer's name
  std::vector<Placings> placings_;
};

}  // namespace mecapy::machines
