#include "router/rules.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <optional>
#include <utility>

#include "base/listed.h"
#include "model/run.h"

namespace mecapy::router {
namespace {

struct Quantity {
  std::string_view name;
  Amount Need::*need;
  Amount Offer::*offer;
  std::string_view unit;
  std::string_view word;  // for the number in a condition
};

constexpr std::array kQuantities = {
    Quantity{"duration", &Need::duration_s, &Offer::duration_s, "s", "SECONDS"},
    Quantity{"cpus", &Need::cpus, &Offer::cpus, "CPUs", "NUMBER"},
    Quantity{"memory", &Need::memory_mb, &Offer::memory_mb, "MiB", "MIB"},
    Quantity{"gpus", &Need::gpus, &Offer::gpus, "GPUs", "NUMBER"},
};
static_assert(sizeof(Need) == kQuantities.size() * sizeof(Amount), "a member of Need has no row");

constexpr std::array kBackends = {model::kLocal, model::kServerless, model::kDedicated};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find(by);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::optional<Condition> parse_condition(std::string_view text) {
  const std::size_t less = text.find('<');
  if (less == std::string_view::npos) return std::nullopt;
  const auto quantity = std::ranges::find(kQuantities, text.substr(0, less), &Quantity::name);
  const std::string_view digits = text.substr(less + 1);
  double below = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), below);
  const bool whole = ec == std::errc() && end == digits.data() + digits.size();
  if (quantity == kQuantities.end() || !whole || !(below > 0)) return std::nullopt;
  return Condition{quantity->need, below};
}

std::optional<Rule> parse_rule(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  Rule rule{{}, std::string(text.substr(colon + 1)), std::string(text)};
  if (std::ranges::find(kBackends, rule.backend) == kBackends.end()) return std::nullopt;
  const std::string_view conditions = text.substr(0, colon);
  if (conditions == "*") return rule;
  for (const std::string_view one : split(conditions, ',')) {
    const auto condition = parse_condition(one);
    if (!condition) return std::nullopt;
    rule.conditions.push_back(*condition);
  }
  if (rule.conditions.empty()) return std::nullopt;
  return rule;
}

bool holds(const Rule& rule, const Need& need) {
  return std::ranges::all_of(rule.conditions,
                             [&](const Condition& c) { return (need.*c.of).of < c.below; });
}

// What a rule is made of, for people.
std::string rule_words() {
  std::vector<std::string> all = conditions();
  all.emplace_back("*");
  return base::listed(all, " or ") + ", then :" + base::listed(kBackends, " or :", ", :");
}

}  // namespace

Need need_of(double seconds, const model::Limits& limits) {
  return {.duration_s = Amount(seconds),
          .cpus = Amount(limits.cpus),
          .memory_mb = Amount(limits.memory_mb),
          .gpus = Amount(limits.gpus)};
}

Offer offer_of(std::string_view backend, const model::Limits& most) {
  return {.backend = std::string(backend),
          .duration_s = Amount(most.timeout_s),
          .cpus = Amount(most.cpus),
          .memory_mb = Amount(most.memory_mb),
          .gpus = Amount(most.gpus)};
}

std::vector<std::string> conditions() {
  std::vector<std::string> all;
  for (const Quantity& one : kQuantities) {
    all.push_back(std::string(one.name) + "<" + std::string(one.word));
  }
  return all;
}

std::string lacking(const Offer& offer, const Need& need) {
  for (const Quantity& quantity : kQuantities) {
    const double needed = (need.*quantity.need).of;
    const double offered = (offer.*quantity.offer).of;
    if (needed <= offered) continue;
    return offer.backend + " has " + number(offered) + " " + std::string(quantity.unit) +
           " of the " + number(needed) + " needed";
  }
  if (offer.for_gpus_only && need.gpus.of <= 0) {
    return "of " + offer.backend +
           ", machines with graphics processors are for runs that ask for them";
  }
  return "";
}

Result<std::vector<Rule>> parse_rules(std::string_view text) {
  std::vector<Rule> rules;
  for (const std::string_view one : split(text, ' ')) {
    if (one.empty()) continue;
    auto rule = parse_rule(one);
    if (!rule) {
      return fail(ErrorCode::usage,
                  "router.rules: \"" + std::string(one) + "\" is no rule: write " + rule_words());
    }
    rules.push_back(std::move(*rule));
  }
  if (rules.empty()) return fail(ErrorCode::usage, "router.rules has no rule");
  return rules;
}

Result<Choice> choose(const std::vector<Rule>& rules, const std::vector<Offer>& offers,
                      const Need& need) {
  std::string why_not;
  for (const Rule& rule : rules) {
    if (!holds(rule, need)) continue;
    std::string lacks;
    for (const Offer& offer : offers) {
      if (offer.backend != rule.backend) continue;
      lacks = lacking(offer, need);
      if (lacks.empty()) return Choice{rule.backend, rule.text};
    }
    if (why_not.find(lacks) == std::string::npos) why_not += (why_not.empty() ? "" : "; ") + lacks;
  }
  return fail(ErrorCode::invalid_fields,
              "no backend takes this run: " +
                  (why_not.empty() ? "no rule of router.rules is for it" : why_not));
}

}  // namespace mecapy::router
