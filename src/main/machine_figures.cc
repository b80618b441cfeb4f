#include "main/machine_figures.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "cost/cost.h"
#include "machines/keeper.h"
#include "machines/reaper.h"

namespace mecapy::main {
namespace {

using metrics::Metric;

double seconds(std::chrono::microseconds us) { return static_cast<double>(us.count()) / 1e6; }

}  // namespace

std::optional<double> hour_eur(const cost::Prices& prices, const model::Machine& machine) {
  model::Used hour;
  hour.backend = model::kDedicated;
  hour.machine = model::UsedMachine{machine.placer, machine.type, 3600};
  const model::Cost cost = cost::run_cost(prices, model::bill(hour, machine.limits));
  return cost.complete ? std::optional(cost.eur) : std::nullopt;
}

std::vector<MachineKind> kinds_of(const std::vector<model::Machine>& machines, base::TimePoint now,
                                  const cost::Prices& prices) {
  std::vector<MachineKind> kinds;
  for (const model::Machine& machine : machines) {
    auto kind = std::ranges::find_if(kinds, [&](const MachineKind& one) {
      return one.placer == machine.placer && one.type == machine.type;
    });
    if (kind == kinds.end()) kind = kinds.insert(kind, {machine.placer, machine.type});
    ++kind->by_state.at(static_cast<std::size_t>(machine.state));
    const double age = std::max(0.0, seconds(now - machine.made_at));
    kind->oldest_s = std::max(kind->oldest_s, age);
    const auto hour = hour_eur(prices, machine);
    if (!hour) {
      ++kind->unpriced;
    } else {
      kind->eur += *hour * age / 3600;
    }
  }
  return kinds;
}

void figures_of_machines(const machines::Keeper& keeper, const machines::Reaper& reaper,
                         base::TimePoint now, const cost::Prices& prices,
                         metrics::Figures& figures) {
  for (const MachineKind& kind : kinds_of(keeper.left(), now, prices)) {
    for (std::size_t state = 0; state < kind.by_state.size(); ++state) {
      figures.set(Metric::machines, static_cast<double>(kind.by_state.at(state)),
                  {kind.placer, kind.type, model::name(static_cast<model::MachineState>(state))});
    }
    figures.set(Metric::machines_oldest, kind.oldest_s, {kind.placer, kind.type});
    figures.set(Metric::machines_cost, kind.eur, {kind.placer, kind.type});
    figures.set(Metric::machines_unpriced, static_cast<double>(kind.unpriced),
                {kind.placer, kind.type});
  }
  for (const auto& [placer, became, times] : keeper.placings()) {
    figures.set(Metric::machine_placings, static_cast<double>(times), {placer, became});
  }
  for (const auto& [ward, parts] : reaper.removed()) {
    figures.set(Metric::machine_removals, static_cast<double>(parts), {ward});
  }
  std::map<std::string, std::size_t> left;
  for (const store::Reaping& reaping : reaper.reapings()) {
    left[reaping.placer] = 0;
    const double at = reaping.done_at ? seconds(reaping.done_at->time_since_epoch()) : 0;
    figures.set(Metric::machines_compared, at, {reaping.placer});
  }
  for (const store::Leftover& part : reaper.leftovers()) ++left[part.placer];
  for (const auto& [ward, parts] : left) {
    figures.set(Metric::machine_leftovers, static_cast<double>(parts), {ward});
  }
}

}  // namespace mecapy::main
