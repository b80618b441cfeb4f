#include "model/cost.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace mecapy::model {
namespace {

constexpr double kPico = 1e12;
constexpr double kMostEuros = 9e6;  // what 64 bits hold

}  // namespace

std::string_view name(Allowances allowances) {
  return allowances == Allowances::counted ? "counted" : "left_out";
}

Billed bill(const Used& used, const Limits& limits) {
  Billed billed;
  billed.backend = used.backend;
  billed.wall_s = used.attempt_s.value_or(0);
  billed.cpus = limits.cpus;
  billed.memory_gb = limits.memory_mb / kMbAGb;
  if (used.machine) {
    billed.placer = used.machine->placer;
    billed.type = used.machine->type;
    billed.machine_s = used.machine->seconds;
  }
  billed.stored_bytes = billed.egress_bytes = used.object_bytes;
  return billed;
}

const CostKindRow& row_of(CostKind kind) {
  return *std::ranges::find(kCostKinds, kind, &CostKindRow::kind);
}

double billed_seconds(const Usage& used) {
  return static_cast<double>(used.setup_us + used.wall_us) / 1e6;
}

std::int64_t pico_euros(double eur) {
  if (!(eur > 0)) return 0;
  return std::llround(std::min(eur, kMostEuros) * kPico);
}

double euros_of(std::int64_t pico) { return static_cast<double>(pico) / kPico; }

std::string euros_text(double eur) {
  char text[400];
  std::snprintf(text, sizeof text, std::abs(eur) < 1000 ? "%.4g EUR" : "%.2f EUR", eur);
  return text;
}

void add(Cost& cost, const Cost& more) {
  for (const CostComponent& part : more.components) {
    const auto same = std::ranges::find(cost.components, part.item, &CostComponent::item);
    if (same == cost.components.end()) {
      cost.components.push_back(part);
      continue;
    }
    same->quantity += part.quantity;
    same->free += part.free;
    if (!part.eur) continue;
    same->eur = euros_of(pico_euros(same->eur.value_or(0)) + pico_euros(*part.eur));
    same->eur_each = part.eur_each;
  }
  cost.eur = euros_of(pico_euros(cost.eur) + pico_euros(more.eur));
  cost.complete = cost.complete && more.complete;
  if (more.prices_of.empty()) return;
  if (cost.prices_of.empty() || more.prices_of < cost.prices_of) cost.prices_of = more.prices_of;
}

std::string unknown_prices(const Cost& cost) {
  std::string items;
  for (const CostComponent& part : cost.components) {
    if (part.eur) continue;
    items += (items.empty() ? "the price is not known of " : ", ") + part.item;
  }
  return items;
}

}  // namespace mecapy::model
