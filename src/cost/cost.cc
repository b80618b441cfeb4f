#include "cost/cost.h"

#include <algorithm>
#include <cmath>

namespace mecapy::cost {
namespace {

using model::CostKind;

constexpr double kSecondsAnHour = 3600;
constexpr double kBytesAGb = 1e9;  // of storage and egress

// Without the noise of sums of binary fractions.
double rounded(double eur) { return std::round(eur * 1e12) / 1e12; }

// A component whose price is not looked up yet.
Component counted(model::CostKind kind, std::string item, double quantity) {
  const model::CostKindRow& row = model::row_of(kind);
  return {std::string(row.name), std::move(item), quantity, std::string(row.unit)};
}

// What is allocated for `seconds` by who bills CPUs and memory, as `prefix` names their items.
void add_allocated(std::vector<Component>& out, const std::string& prefix, const Usage& usage,
                   double seconds) {
  out.push_back(counted(CostKind::vcpu, prefix + ".vcpu", seconds * usage.cpus));
  out.push_back(counted(CostKind::memory, prefix + ".memory", seconds * usage.memory_gb));
}

// A machine by the hour where its type has a row, else by what was cut out of it.
void add_machine(std::vector<Component>& out, const Prices& prices, const Usage& usage) {
  const bool cut_to_size = prices.item(usage.placer + ".vcpu") != nullptr;
  if (cut_to_size && prices.machine(usage.placer, usage.type) == nullptr) {
    add_allocated(out, usage.placer, usage, usage.machine_s);
  } else {
    out.push_back(counted(CostKind::machine, usage.placer + "/" + usage.type,
                          usage.machine_s / kSecondsAnHour));
  }
}

std::vector<Component> quantities(const Prices& prices, const Usage& usage) {
  std::vector<Component> out;
  if (usage.backend == model::kDedicated) {
    if (!usage.placer.empty()) add_machine(out, prices, usage);
  } else {
    add_allocated(out, usage.backend == model::kServerless ? "serverless" : usage.backend, usage,
                  usage.wall_s);
  }
  const auto gb = [](std::int64_t bytes) { return static_cast<double>(bytes) / kBytesAGb; };
  if (usage.stored_bytes > 0) {
    out.push_back(counted(CostKind::storage, "objects.storage", gb(usage.stored_bytes)));
  }
  if (usage.egress_bytes > 0) {
    out.push_back(counted(CostKind::egress, "objects.egress", gb(usage.egress_bytes)));
  }
  return out;
}

const Price* price_of(const Prices& prices, const std::string& item) {
  if (const Price* price = prices.item(item)) return price;
  const auto machine =
      std::ranges::find(prices.machines, item, [](const Machine& m) { return m.hour.item; });
  return machine == prices.machines.end() ? nullptr : &machine->hour;
}

Cost priced(const Prices& prices, std::vector<Component> components, Allowances allowances) {
  Cost cost;
  cost.allowances = allowances;
  for (Component& one : components) {
    const Price* const price = price_of(prices, one.item);
    if (price == nullptr || !price->eur) {
      cost.complete = false;
      continue;
    }
    if (allowances == Allowances::counted) one.free = std::min(one.quantity, price->free_per_month);
    one.eur_each = price->eur;
    one.eur = rounded((one.quantity - one.free) * *price->eur);
    cost.eur += *one.eur;
    if (cost.prices_of.empty() || price->date < cost.prices_of) cost.prices_of = price->date;
  }
  cost.eur = rounded(cost.eur);
  cost.components = std::move(components);
  if (!cost.complete) cost.why = model::unknown_prices(cost);
  return cost;
}

}  // namespace

bool fits_a_container(const Usage& usage) {
  return usage.wall_s <= kContainerSeconds && usage.cpus <= kContainerCpus &&
         usage.memory_gb <= kContainerMemoryGb;
}

Cost run_cost(const Prices& prices, const Usage& usage) {
  return priced(prices, quantities(prices, usage), Allowances::left_out);
}

model::Pricing pricing(Prices prices) {
  return [prices = std::move(prices)](const Usage& usage) { return run_cost(prices, usage); };
}

Cost month_cost(const Prices& prices, const std::vector<Load>& loads, Allowances allowances) {
  std::vector<Component> all;
  for (const Load& load : loads) {
    for (Component& one : quantities(prices, load.each)) {
      one.quantity *= load.runs;
      const auto same = std::ranges::find(all, one.item, &Component::item);
      if (same == all.end()) {
        all.push_back(std::move(one));
      } else {
        same->quantity += one.quantity;
      }
    }
  }
  return priced(prices, std::move(all), allowances);
}

const Machine* cheapest(const Prices& prices, const MachineNeed& need) {
  const Machine* best = nullptr;
  for (const Machine& one : prices.machines) {
    const bool enough = one.placer == need.placer && one.cpus >= need.cpus &&
                        one.memory_gb > need.memory_gb && one.gpus >= need.gpus;
    if (!enough || !one.hour.eur) continue;
    if (best == nullptr || *one.hour.eur < *best->hour.eur) best = &one;
  }
  return best;
}

}  // namespace mecapy::cost
