// Where runs can go, as the settings say it, and the choice among that.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/api.h"
#include "base/result.h"
#include "clouds/placer.h"
#include "config/settings.h"
#include "cost/prices.h"
#include "router/rules.h"

namespace mecapy::main {

struct Routing {
  std::vector<router::Rule> rules;
  std::vector<router::Offer> offers;  // of the backends that are configured
  double default_s = 60;              // a run takes, where nobody knows
  cost::Prices prices;
  struct Machine {
    std::string placer;
    clouds::Offer offer;
  };
  std::vector<Machine> machines{};  // that can be made, in order of preference
  bool bucket = false;              // objects lie in one that is billed
};

// usage for rules or prices that are none.
Result<Routing> make_routing(const config::Settings& settings);
// invalid_fields when nothing that is configured takes the run.
Result<api::RouteAnswer> route(const Routing& routing, const api::RouteQuestion& question);

// What a run with `limits` is expected to cost on this backend if it takes so long, however long a
// run can be there; as far as prices are known.
double expected_eur(const Routing& routing, std::string_view backend, const model::Limits& limits,
                    double seconds);

// What a run with `limits` that takes so long would cost, on each backend: on those that are not
// configured, too, where there are prices for it.
std::vector<wire::BackendCost> backend_costs(const Routing& routing, const model::Limits& limits,
                                             double seconds);

// What an attempt of an hour would cost on each backend that is configured, with a machine of each
// kind that can be made, and with all that may be billed of a run: for who asks which prices are
// known.
std::vector<model::Cost> hours(const Routing& routing);

}  // namespace mecapy::main
