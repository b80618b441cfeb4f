#include "main/routing.h"

#include <string>

#include "main/parts.h"
#include "router/estimate.h"

namespace mecapy::main {

Result<Routing> make_routing(const config::Settings& settings) {
  const std::string& written = settings.router_rules;
  auto rules = router::parse_rules(written.empty() ? router::kFirstRules : written);
  if (!rules) return rules.error();
  Routing routing{std::move(*rules), {}, settings.router_default_duration_s};
  const model::Limits here = short_ceilings(settings);
  const std::string_view name = works_elsewhere(settings) ? model::kServerless : model::kLocal;
  routing.offers.push_back({std::string(name), here.timeout_s, here.cpus, here.memory_mb});
  if (makes_machines(settings)) {
    const model::Limits there = machine_ceilings(settings);
    routing.offers.push_back(
        {std::string(model::kDedicated), there.timeout_s, there.cpus, there.memory_mb});
  }
  return routing;
}

Result<api::RouteAnswer> route(const Routing& routing, const api::RouteQuestion& question) {
  const router::Known known{question.caller_s, question.history, question.task_s,
                            routing.default_s};
  model::Estimate expected = router::estimate(known, question.limits.timeout_s);
  const router::Need need{expected.seconds, question.limits.cpus, question.limits.memory_mb};
  auto choice = router::choose(routing.rules, routing.offers, need);
  if (!choice) return choice.error();
  return api::RouteAnswer{std::move(choice->backend), std::move(choice->why), std::move(expected)};
}

}  // namespace mecapy::main
