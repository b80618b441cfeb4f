// Where runs can go, as the settings say it, and the choice among that.
#pragma once

#include <vector>

#include "api/api.h"
#include "base/result.h"
#include "config/settings.h"
#include "router/rules.h"

namespace mecapy::main {

struct Routing {
  std::vector<router::Rule> rules;
  std::vector<router::Offer> offers;  // of the backends that are configured
  double default_s = 60;              // a run takes, where nobody knows
};

// usage for rules that are none.
Result<Routing> make_routing(const config::Settings& settings);
// invalid_fields when nothing that is configured takes the run.
Result<api::RouteAnswer> route(const Routing& routing, const api::RouteQuestion& question);

}  // namespace mecapy::main
