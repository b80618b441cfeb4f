// cost: what runs cost at the prices of the table, and where the seed's figures differ.
#include <charconv>
#include <cmath>
#include <cstdio>

#include "cli/text.h"
#include "cost/cost.h"
#include "cost/seed.h"
#include "cost/words.h"
#include "main/commands.h"
#include "main/complain.h"
#include "wire/cost_json.h"
#include "wire/json.h"

namespace mecapy::main {
namespace {

using cost::Allowances;
using cost::Cost;
using Table = std::vector<std::vector<std::string>>;

constexpr std::string_view kPlacer = "scaleway";  // whose machines are looked at

// MB; nothing for a text that is no size.
std::optional<double> parse_memory(std::string_view text) {
  double value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  const bool gb = unit == "GB" || unit == "GiB";
  if (ec != std::errc() || !(gb || unit == "MB" || unit == "MiB")) return std::nullopt;
  return gb ? value * cost::kMbAGb : value;
}

// One backend as it would have the runs.
struct Way {
  cost::Usage usage;
  std::string why_not;  // "" when it can
};

struct Load {
  double runs_a_day;
  double seconds;        // of each run
  model::Limits limits;  // and what it is given
  double runs() const { return runs_a_day * cost::kDaysAMonth; }
  double hours() const { return runs() * seconds / 3600; }
  double memory_gb() const { return limits.memory_mb / cost::kMbAGb; }
};

Result<Load> load_of(const CostWords& words) {
  const auto memory = parse_memory(words.memory);
  if (!memory || !(*memory > 0 && *memory <= 1e6 * cost::kMbAGb)) {
    return fail(ErrorCode::usage,
                "--memory is a size like 2GB or 512MB, not \"" + words.memory + "\"");
  }
  if (!(words.runs_per_day >= 0 && words.runs_per_day <= 1e9)) {
    return fail(ErrorCode::usage, "--runs-per-day is a number between 0 and 1e9");
  }
  if (!(words.seconds > 0 && words.seconds <= 1e8)) {
    return fail(ErrorCode::usage, "--seconds is a number above 0, at most 1e8");
  }
  if (!(words.cpus > 0 && words.cpus <= 1e5)) {
    return fail(ErrorCode::usage, "--cpus is a number above 0, at most 1e5");
  }
  model::Limits limits;
  limits.cpus = words.cpus;
  limits.memory_mb = *memory;
  return Load{words.runs_per_day, words.seconds, limits};
}

std::vector<Way> ways(const cost::Prices& prices, const Load& load) {
  const auto way = [&](std::string_view backend, std::optional<model::UsedMachine> machine = {}) {
    const model::Used used{std::string(backend), load.seconds, std::move(machine)};
    return Way{model::bill(used, load.limits), ""};
  };
  Way container = way(model::kServerless);
  if (!cost::fits_a_container(container.usage)) {
    container.why_not = "a container has at most " + cost::amount(cost::kContainerSeconds) +
                        " s, " + cost::amount(cost::kContainerCpus) + " CPUs and " +
                        cost::amount(cost::kContainerMemoryGb * cost::kMbAGb) + " MB";
  }
  Way machine = way(model::kDedicated);
  const double cpus = load.limits.cpus;
  const std::string placer(kPlacer);
  if (const auto* type = cost::cheapest(prices, {placer, cpus, load.memory_gb()})) {
    machine = way(model::kDedicated, model::UsedMachine{placer, type->type, load.seconds});
  } else {
    machine.why_not = "no machine of " + std::string(kPlacer) + " with a known price has " +
                      cost::amount(cpus) + " CPUs and more than " + cost::amount(load.memory_gb()) +
                      " GB";
  }
  return {container, machine, way(model::kLocal)};
}

Cost month_of(const cost::Prices& prices, const Load& load, const Way& way, Allowances allowances) {
  return cost::month_cost(prices, {{way.usage, load.runs()}}, allowances);
}

// The seed's phase that so many runs a day are of.
cost::Phase phase_of(const cost::Prices& prices, const Load& load) {
  std::vector<cost::Phase> phases = cost::phases(prices);
  for (cost::Phase& phase : phases) {
    if (load.runs_a_day <= phase.runs_a_day) return std::move(phase);
  }
  return std::move(phases.back());
}

std::string eur_of(const std::optional<double>& eur) { return eur ? cost::euros(*eur) : "unknown"; }

std::string name_of(const cost::Component& one) {
  return one.name == "machine" ? "machine " + one.item : one.name;
}

void add_cost(Table& rows, const std::string& backend, const Cost& cost) {
  for (const cost::Component& one : cost.components) {
    const bool first = &one == cost.components.data();
    rows.push_back({first ? backend : "", name_of(one), cost::amount(one.quantity) + " " + one.unit,
                    one.free > 0 ? cost::amount(one.free) : "-",
                    one.eur_each ? cost::unit_price(*one.eur_each) : "unknown", eur_of(one.eur)});
    if (first) rows.back().push_back(cost.prices_of);
  }
  if (cost.components.size() == 1) return;
  rows.push_back({"", cost.complete ? "together" : "together, as far as known", "", "", "",
                  cost::euros(cost.eur)});
}

Table head() { return {{"BACKEND", "WHAT", "QUANTITY", "FREE", "EUR EACH", "EUR", "PRICES OF"}}; }

void print(const Table& rows) { std::fputs(cli::table(rows).c_str(), stdout); }

void print_run(const cost::Prices& prices, const Load& load, const std::vector<Way>& all) {
  std::printf("One run of %s s with %s CPU and %s GB, free allowances left out\n",
              cost::amount(load.seconds).c_str(), cost::amount(load.limits.cpus).c_str(),
              cost::amount(load.memory_gb()).c_str());
  Table rows = head();
  for (const Way& way : all) {
    if (!way.why_not.empty()) continue;
    add_cost(rows, way.usage.backend, cost::run_cost(prices, way.usage));
  }
  print(rows);
  for (const Way& way : all) {
    if (way.why_not.empty()) continue;
    std::printf("Not on %s: %s.\n", way.usage.backend.c_str(), way.why_not.c_str());
  }
}

void print_month(const cost::Prices& prices, const Load& load, const std::vector<Way>& all) {
  std::printf("\nA month of %s runs a day: %s runs, %s h\n", cost::amount(load.runs_a_day).c_str(),
              cost::amount(load.runs()).c_str(), cost::amount(load.hours()).c_str());
  Table rows = head();
  for (const Way& way : all) {
    if (!way.why_not.empty()) continue;
    const Cost with = month_of(prices, load, way, Allowances::counted);
    const Cost without = month_of(prices, load, way, Allowances::left_out);
    add_cost(rows, way.usage.backend, with);
    if (with.eur == without.eur) continue;
    rows.push_back({"", "with nothing free", "", "", "", cost::euros(without.eur)});
  }
  print(rows);
  std::puts(
      "A machine is counted for the run alone: its start, its end, its volume and its address come "
      "on top.");
  const cost::Phase phase = phase_of(prices, load);
  const Way& containers = all.front();
  if (!containers.why_not.empty()) return;
  const double eur = month_of(prices, load, containers, Allowances::counted).eur;
  std::printf("In containers, with all else of the seed's %s: %s EUR a month.\n",
              phase.name.c_str(), cost::euros(phase.rest + cost::Range{eur, eur}).c_str());
}

void print_phases(const cost::Prices& prices) {
  std::puts("\nThe tables of the seed, the request that this platform began with, EUR a month");
  for (const cost::Phase& phase : cost::phases(prices)) {
    std::printf("%s\n", phase.name.c_str());
    Table rows = {{"SERVICE", "QUANTITY", "SEED", "NOW", "NOW IS"}};
    for (const cost::Line& line : phase.lines) {
      rows.push_back({line.service, line.quantity, cost::euros(line.seed), cost::euros(line.now),
                      line.known ? "by the prices" : "the seed's: price unknown"});
    }
    rows.push_back({"together", "", cost::euros(phase.seed_sum), cost::euros(phase.now_sum),
                    phase.known ? "by the prices" : "with the seed's where unknown"});
    print(rows);
  }
}

void print_differences(const cost::Prices& prices) {
  std::puts("\nWhere the seed differs, and why");
  for (const cost::Difference& one : cost::differences(prices)) {
    std::printf("%s\n  seed  %s\n  here  %s\n  why   %s\n", one.what.c_str(), one.seed.c_str(),
                one.now.c_str(), one.why.c_str());
  }
}

std::string json_of(cost::Range range) {
  return std::move(wire::ObjectWriter().number("low", range.low).number("high", range.high))
      .finish();
}

std::string json_of(const cost::Prices& prices, const Load& load, const Way& way) {
  wire::ObjectWriter out;
  out.text("backend", way.usage.backend);
  if (!way.why_not.empty()) return std::move(out.text("not_possible", way.why_not)).finish();
  const std::vector<cost::Load> loads = {{way.usage, load.runs()}};
  out.raw("run", wire::cost_json(cost::run_cost(prices, way.usage)));
  out.raw("month", wire::cost_json(cost::month_cost(prices, loads, Allowances::counted)));
  out.raw("month_with_nothing_free",
          wire::cost_json(cost::month_cost(prices, loads, Allowances::left_out)));
  return std::move(out).finish();
}

std::string json_of(const cost::Phase& phase) {
  std::vector<std::string> lines;
  for (const cost::Line& line : phase.lines) {
    lines.push_back(std::move(wire::ObjectWriter()
                                  .text("service", line.service)
                                  .text("quantity", line.quantity)
                                  .raw("seed", json_of(line.seed))
                                  .raw("now", json_of(line.now))
                                  .boolean("known", line.known))
                        .finish());
  }
  return std::move(wire::ObjectWriter()
                       .text("name", phase.name)
                       .raw("lines", wire::array_of(lines))
                       .raw("seed", json_of(phase.seed_sum))
                       .raw("now", json_of(phase.now_sum))
                       .raw("now_without_containers", json_of(phase.rest))
                       .boolean("known", phase.known))
      .finish();
}

std::string json_of(const cost::Price& price) {
  wire::ObjectWriter out;
  out.text("item", price.item).text("unit", price.unit);
  if (price.eur) out.number("eur", *price.eur);
  if (!price.unknown.empty()) out.text("unknown", price.unknown);
  out.number("free_per_month", price.free_per_month);
  return std::move(out.text("source", price.source).text("date", price.date)).finish();
}

std::string json_of(const cost::Prices& prices, const Load& load, const std::vector<Way>& all) {
  std::vector<std::string> backends;
  for (const Way& way : all) backends.push_back(json_of(prices, load, way));
  std::vector<std::string> phases;
  for (const cost::Phase& phase : cost::phases(prices)) phases.push_back(json_of(phase));
  std::vector<std::string> differences;
  for (const cost::Difference& one : cost::differences(prices)) {
    differences.push_back(std::move(wire::ObjectWriter()
                                        .text("what", one.what)
                                        .text("seed", one.seed)
                                        .text("now", one.now)
                                        .text("why", one.why))
                              .finish());
  }
  std::vector<std::string> rows;
  for (const cost::Price& price : prices.items) rows.push_back(json_of(price));
  for (const cost::Machine& machine : prices.machines) rows.push_back(json_of(machine.hour));
  wire::ObjectWriter out;
  out.raw("load", std::move(wire::ObjectWriter()
                                .number("runs_per_day", load.runs_a_day)
                                .number("runs_per_month", load.runs())
                                .number("hours_per_month", load.hours())
                                .number("seconds", load.seconds)
                                .number("memory_gb", load.memory_gb())
                                .number("cpus", load.limits.cpus))
                      .finish());
  out.raw("backends", wire::array_of(backends)).raw("seed", wire::array_of(phases));
  out.raw("differences", wire::array_of(differences)).raw("prices", wire::array_of(rows));
  return std::move(out).finish();
}

}  // namespace

int show_cost(const config::Settings& settings, const CostWords& words) {
  const auto prices = cost::load_prices(settings.cost_prices);
  if (!prices) return complain(prices.error());
  const auto load = load_of(words);
  if (!load) return complain(load.error());
  const std::vector<Way> all = ways(*prices, *load);
  if (words.format == Format::json) {
    std::puts(json_of(*prices, *load, all).c_str());
    return 0;
  }
  print_run(*prices, *load, all);
  print_month(*prices, *load, all);
  print_phases(*prices);
  print_differences(*prices);
  std::puts(
      "\nEach price has its source and date in `mecapy cost --json`. Taxes, savings plans and "
      "free trials are not in them.");
  return 0;
}

}  // namespace mecapy::main
