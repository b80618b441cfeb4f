#include "main/routing.h"

#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "cost/cost.h"
#include "machines/offers.h"
#include "main/parts.h"
#include "router/estimate.h"

namespace mecapy::main {
namespace {

// Whose machines are looked at where none are configured.
constexpr const char* kKnownPlacer = "scaleway";
constexpr double kHour = 3600;  // seconds

// The machine that a run of `seconds` would have; nothing when there is none for it. Of those that
// are configured the first that is large enough, as it is made; else the cheapest of a placer that
// is known.
std::optional<model::UsedMachine> machine_for(const Routing& routing, const model::Limits& limits,
                                              double seconds) {
  if (routing.machines.empty()) {
    const cost::MachineNeed need{kKnownPlacer, limits.cpus, limits.memory_mb / model::kMbAGb,
                                 static_cast<int>(limits.gpus)};
    const auto* const machine = cost::cheapest(routing.prices, need);
    if (machine == nullptr) return std::nullopt;
    return model::UsedMachine{machine->placer, machine->type, seconds};
  }
  const router::Need need = router::need_of(seconds, limits);
  for (const auto& [placer, offer] : routing.machines) {
    if (!router::lacking(machines::offer_of(offer, seconds), need).empty()) continue;
    return model::UsedMachine{placer, offer.type, seconds};
  }
  return std::nullopt;
}

// One attempt of a run on this backend, with the machine that it would have there.
model::Used expected_use(const Routing& routing, std::string_view backend,
                         const model::Limits& limits, double seconds) {
  model::Used used{std::string(backend), seconds};
  if (backend == model::kDedicated) used.machine = machine_for(routing, limits, seconds);
  return used;
}

// As people read it: machines that are cut to size have no type of their own.
std::string machine_name(const cost::Prices& prices, const model::UsedMachine& machine) {
  const bool cut = prices.item(machine.placer + ".vcpu") != nullptr &&
                   prices.machine(machine.placer, machine.type) == nullptr;
  return cut ? machine.placer : machine.placer + "/" + machine.type;
}

// What all offers of the backend have too little of; "" when one has enough, nothing when there is
// no offer.
std::optional<std::string> lacking(const Routing& routing, const std::string& backend,
                                   const router::Need& need) {
  std::optional<std::string> why;
  for (const router::Offer& offer : routing.offers) {
    if (offer.backend != backend) continue;
    why = router::lacking(offer, need);
    if (why->empty()) break;
  }
  return why;
}

wire::BackendCost cost_on(const Routing& routing, const std::string& backend,
                          const model::Limits& limits, double seconds) {
  wire::BackendCost one{backend};
  const auto lacks = lacking(routing, backend, router::need_of(seconds, limits));
  one.configured = lacks.has_value();
  const model::Used used = expected_use(routing, backend, limits, seconds);
  const model::Billed run = model::bill(used, limits);
  if (one.configured) {
    one.why_not = *lacks;
  } else if (backend != model::kDedicated && limits.gpus > 0) {
    one.why_not = "only machines made for one run have graphics processors";
  } else if (backend == model::kServerless && !cost::fits_a_container(run)) {
    one.why_not = "a container has not as much";
  }
  if (backend == model::kDedicated && one.why_not.empty()) {
    if (used.machine) {
      one.machine = machine_name(routing.prices, *used.machine);
    } else {
      one.why_not = "no machine of a known price is large enough";
    }
  }
  if (one.why_not.empty()) one.cost = cost::run_cost(routing.prices, run);
  return one;
}

}  // namespace

Result<Routing> make_routing(const config::Settings& settings) {
  const std::string& written = settings.router_rules;
  auto rules = router::parse_rules(written.empty() ? router::kFirstRules : written);
  if (!rules) return rules.error();
  auto prices = cost::load_prices(settings.cost_prices);
  if (!prices) return prices.error();
  Routing routing{
      std::move(*rules), {}, settings.router_default_duration_s, std::move(*prices), {}};
  routing.bucket = cost_rules(settings, {}).bucket;
  std::istringstream placers(settings.machines_placers);
  config::Settings alone = settings;
  for (std::string placer; placers >> placer;) {
    alone.machines_placers = placer;
    for (clouds::Offer& offer : machine_offers(alone)) {
      routing.machines.push_back({placer, std::move(offer)});
    }
  }
  const model::Limits here = short_ceilings(settings);
  const std::string_view name = works_elsewhere(settings) ? model::kServerless : model::kLocal;
  routing.offers.push_back(router::offer_of(name, here));
  if (makes_machines(settings)) {
    for (const clouds::Offer& there : machine_offers(settings)) {
      routing.offers.push_back(machines::offer_of(there, settings.machines_max_timeout_s));
    }
  }
  return routing;
}

Result<api::RouteAnswer> route(const Routing& routing, const api::RouteQuestion& question) {
  const router::Known known{question.caller_s, question.history, question.task_s,
                            routing.default_s};
  model::Estimate expected = router::estimate(known, question.limits.timeout_s);
  const router::Need need = router::need_of(expected.seconds, question.limits);
  auto choice = router::choose(routing.rules, routing.offers, need);
  if (!choice) return choice.error();
  const double seconds = router::budget_seconds(known, question.limits.timeout_s);
  const double eur = expected_eur(routing, choice->backend, question.limits, seconds);
  return api::RouteAnswer{std::move(choice->backend), std::move(choice->why), std::move(expected),
                          eur};
}

double expected_eur(const Routing& routing, std::string_view backend, const model::Limits& limits,
                    double seconds) {
  const model::Used used = expected_use(routing, backend, limits, seconds);
  return cost::run_cost(routing.prices, model::bill(used, limits)).eur;
}

std::vector<model::Cost> hours(const Routing& routing) {
  std::vector<model::Cost> costs;
  const auto price = [&](model::Used used) {
    if (routing.bucket) used.object_bytes = 1;
    costs.push_back(cost::run_cost(routing.prices, model::bill(used, {})));
  };
  for (const router::Offer& offer : routing.offers) {
    if (offer.backend != model::kDedicated) price({offer.backend, kHour});
  }
  for (const auto& [placer, offer] : routing.machines) {
    price({std::string(model::kDedicated), kHour, model::UsedMachine{placer, offer.type, kHour}});
  }
  return costs;
}

std::vector<wire::BackendCost> backend_costs(const Routing& routing, const model::Limits& limits,
                                             double seconds) {
  std::vector<wire::BackendCost> costs;
  for (const std::string_view backend : {model::kLocal, model::kServerless, model::kDedicated}) {
    costs.push_back(cost_on(routing, std::string(backend), limits, seconds));
  }
  return costs;
}

}  // namespace mecapy::main
