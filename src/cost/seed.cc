#include "cost/seed.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

namespace mecapy::cost {
namespace {

// The seed's prices of containers, EUR.
constexpr double kSeedMemory = 0.00001;  // a GB-s
constexpr double kSeedVcpu = 0.000012;   // a vCPU-s
// Its container (memory-limit=2048, cpu-limit=1000).
constexpr double kSeedMemoryGb = 2;
constexpr double kSeedCpus = 1;
// Its example: 1000 calculations of 30 s and 2 GB.
constexpr double kExampleRuns = 1000;
constexpr double kExampleSeconds = 30;
constexpr double kExampleEur = 6;
// The runs a day that its phases go up to, and its hours of containers a month.
struct Volume {
  double runs_a_day;
  double hours;
};
constexpr std::array kVolumes = {Volume{1000, 100}, Volume{10'000, 1000}};
// What the sums of its tables may be rounded by, EUR.
constexpr double kRounding = 1;
// What its images have as gzip: docs/containers.md.
constexpr double kImagesGb = 0.2;

// What it says of a month of services whose price may be unknown.
struct Service {
  std::string_view item;
  Range seed;
};
// An hour of a machine with a GPU, and a month of such machines.
constexpr double kGpuHour = 0.5;
constexpr Range kOnDemand{20, 50};

constexpr std::array kServices = {Service{"api.clever-cloud-nano", {7, 10}},
                                  Service{"postgresql.DB-DEV-S", {18, 18}},
                                  Service{"redis.RED1-micro", {10, 10}}};

struct Item {
  std::string_view item;
  double quantity;
};
struct Row {
  std::string_view service;
  std::vector<Item> items;  // none: containers, of so many hours
  double hours = 0;
  Range seed;
};
struct Table {
  std::string_view name;
  double runs_a_day;
  std::vector<Row> rows;
  Range sum;
};

std::vector<Table> tables() {
  const auto month = [](std::size_t i) { return Item{kServices[i].item, 1}; };
  return {
      {"phase 1 (up to 1000 runs a day)",
       kVolumes[0].runs_a_day,
       {{"API", {month(0)}, 0, kServices[0].seed},
        {"PostgreSQL", {month(1)}, 0, kServices[1].seed},
        {"Redis", {month(2)}, 0, kServices[2].seed},
        {"object storage", {{"objects.storage", 10}}, 0, {0.20, 0.20}},
        {"containers", {}, kVolumes[0].hours, {5, 15}},
        {"registry", {{"registry.private", kImagesGb}}, 0, {0, 0}}},
       {40, 55}},
      {"phase 2 (1000 to 10 000 runs a day)",
       kVolumes[1].runs_a_day,
       {{"API, PostgreSQL, Redis", {month(0), month(1), month(2)}, 0, {35, 35}},
        {"containers", {}, kVolumes[1].hours, {50, 80}},
        {"object storage", {{"objects.storage", 100}}, 0, {2, 2}}},
       {90, 120}},
  };
}

Load containers(double runs, double seconds) {
  Usage usage{std::string(model::kServerless), seconds, kSeedCpus, kSeedMemoryGb};
  return {usage, runs};
}
double containers_eur(const Prices& prices, double hours, Allowances allowances) {
  return month_cost(prices, {containers(1, hours * 3600)}, allowances).eur;
}
// The same at the seed's own prices.
double seed_eur(double seconds) {
  return seconds * (kSeedMemoryGb * kSeedMemory + kSeedCpus * kSeedVcpu);
}

// What an item costs a month; the seed's figure where the price is unknown.
Range month_of(const Prices& prices, const Item& item, bool& known) {
  const Price* const price = prices.item(item.item);
  if (price != nullptr && price->eur) {
    const double eur = std::max(0.0, item.quantity - price->free_per_month) * *price->eur;
    return {eur, eur};
  }
  known = false;
  const auto service = std::ranges::find(kServices, item.item, &Service::item);
  return service == kServices.end() ? Range{} : service->seed;
}

Line line_of(const Prices& prices, const Row& row) {
  Line line{std::string(row.service), "", row.seed, {}};
  if (row.items.empty()) {
    const double eur = containers_eur(prices, row.hours, Allowances::counted);
    line.quantity = amount(row.hours) + " h of " + amount(kSeedMemoryGb) + " GB and " +
                    amount(kSeedCpus) + " vCPU";
    line.now = {eur, eur};
    return line;
  }
  for (const Item& item : row.items) {
    line.now = line.now + month_of(prices, item, line.known);
    const Price* const price = prices.item(item.item);
    if (price == nullptr || price->unit == "month") continue;
    line.quantity = amount(item.quantity) + " GB";
  }
  return line;
}

std::string in_eur(double eur, std::string_view unit) {
  return unit_price(eur) + " EUR a " + std::string(unit);
}

void add_unit_price(std::vector<Difference>& out, const Prices& prices, std::string_view item,
                    std::string_view what, double seed) {
  const Price* const price = prices.item(item);
  if (price == nullptr || !price->eur || *price->eur == seed) return;
  const double times = seed / *price->eur;
  out.push_back(
      {std::string(what), in_eur(seed, price->unit), in_eur(*price->eur, price->unit),
       *price->eur == 0
           ? "it is free"
           : "the seed's figure is " + amount(std::round(times * 100) / 100) + " times the price"});
}

void add_allowances(std::vector<Difference>& out, const Prices& prices) {
  std::string free;
  for (const std::string_view item : {"serverless.memory", "serverless.vcpu"}) {
    const Price* const price = prices.item(item);
    if (price == nullptr || price->free_per_month == 0) continue;
    free += (free.empty() ? "" : ", ") + amount(price->free_per_month) + " " + price->unit;
  }
  if (free.empty()) return;
  const double hours = kVolumes[0].hours;
  out.push_back({"free every month", "nothing", free,
                 "the account has them for nothing: the " + amount(hours) + " h of phase 1 are " +
                     euros(containers_eur(prices, hours, Allowances::left_out)) +
                     " EUR without them and " +
                     euros(containers_eur(prices, hours, Allowances::counted)) + " with them"});
}

void add_example(std::vector<Difference>& out, const Prices& prices) {
  const double seconds = kExampleRuns * kExampleSeconds;
  const double month = seconds * kDaysAMonth;
  const auto now = [&](double s, Allowances a) {
    return euros(containers_eur(prices, s / 3600, a));
  };
  out.push_back({"the example: 1000 runs x 30 s x 2 GB", "~" + amount(kExampleEur) + " EUR a month",
                 now(seconds, Allowances::left_out) + " EUR for 1000 runs; " +
                     now(month, Allowances::counted) + " for a month of 1000 a day (" +
                     now(month, Allowances::left_out) + " with nothing free)",
                 "its arithmetic: at its own prices 1000 runs are " + euros(seed_eur(seconds)) +
                     " EUR, and a month of 1000 a day is " + euros(seed_eur(month)) +
                     "; 6 EUR are the memory alone of 10 000 runs"});
}

void add_volumes(std::vector<Difference>& out, const Prices& prices) {
  for (const Volume& volume : kVolumes) {
    const double hours = volume.runs_a_day * kExampleSeconds * kDaysAMonth / 3600;
    out.push_back({"hours of containers at " + amount(volume.runs_a_day) + " runs a day",
                   amount(volume.hours) + " h a month", amount(hours) + " h a month",
                   "runs of 30 s, as in its example: " +
                       euros(containers_eur(prices, hours, Allowances::counted)) +
                       " EUR instead of " +
                       euros(containers_eur(prices, volume.hours, Allowances::counted))});
  }
  const double hours = kVolumes[1].hours;
  out.push_back({"containers of phase 2", "50-80 EUR a month",
                 euros(containers_eur(prices, hours, Allowances::counted)) + " EUR a month",
                 "at the seed's own prices " + amount(hours) + " h are " +
                     euros(seed_eur(hours * 3600)) + " EUR"});
}

// Tables whose rows are not what the seed has as their sum.
void add_sums(std::vector<Difference>& out, const Prices& prices) {
  for (const Phase& phase : phases(prices)) {
    Range rows;
    for (const Line& line : phase.lines) rows = rows + line.seed;
    const auto far = [](double a, double b) { return std::abs(a - b) > kRounding; };
    if (!far(rows.low, phase.seed_sum.low) && !far(rows.high, phase.seed_sum.high)) continue;
    out.push_back({"sum of " + phase.name, "~" + euros(phase.seed_sum) + " EUR a month",
                   euros(phase.now_sum) + " EUR a month",
                   "its arithmetic: the seed's own rows are " + euros(rows) + " EUR together"});
  }
}

// Machines for long runs, which are in none of its tables.
void add_on_demand(std::vector<Difference>& out, const Prices& prices) {
  const Machine* const gpu = cheapest(prices, {"scaleway", 0, 0, 1});
  const Machine* const plain = cheapest(prices, {"scaleway", kSeedCpus, kSeedMemoryGb, 0});
  if (gpu == nullptr || plain == nullptr) return;
  const double hour = *gpu->hour.eur;
  const double plain_hour = *plain->hour.eur;
  if (hour != kGpuHour) {
    out.push_back({"an hour of a machine with a GPU", "~" + unit_price(kGpuHour) + " EUR an hour",
                   unit_price(hour) + " EUR an hour (" + gpu->type + ")",
                   "the cheapest of a known price is " +
                       amount(std::round(hour / kGpuHour * 100) / 100) +
                       " times the seed's figure"});
  }
  const auto hours = [](double eur) {
    return amount(std::round(kOnDemand.low / eur)) + "-" + amount(std::round(kOnDemand.high / eur));
  };
  out.push_back(
      {"machines on demand", "~" + euros(kOnDemand) + " EUR a month",
       hours(hour) + " h of " + gpu->type + ", or " + hours(plain_hour) + " h of " + plain->type,
       "it does not say of how many hours or of which machine: the figure cannot be "
       "recomputed, only what it pays for; volumes and addresses are not in it"});
}

void add_storage(std::vector<Difference>& out, const Prices& prices) {
  add_unit_price(out, prices, "objects.storage", "object storage", 0.02);
  const Price* const registry = prices.item("registry.private");
  if (registry != nullptr && registry->eur && *registry->eur > 0) {
    out.push_back({"registry", "free up to 100 GB", in_eur(*registry->eur, registry->unit),
                   "free are public images, up to 75 GB; images of this platform are " +
                       amount(kImagesGb) + " GB"});
  }
}

void add_unknown(std::vector<Difference>& out, const Prices& prices) {
  std::string items;
  for (const Service& service : kServices) {
    const Price* const price = prices.item(service.item);
    if (price != nullptr && price->eur) continue;
    items += (items.empty() ? "" : ", ") + std::string(service.item);
  }
  if (items.empty()) return;
  out.push_back({"prices that are unknown", "35 EUR a month in phase 2", "the seed's 35-38",
                 "no price was found of " + items +
                     ": the seed's figures stand in the tables, those of phase 1 in phase 2, too"});
}

}  // namespace

std::vector<Phase> phases(const Prices& prices) {
  std::vector<Phase> out;
  for (const Table& table : tables()) {
    Phase phase{std::string(table.name), table.runs_a_day, {}, table.sum, {}, {}};
    for (const Row& row : table.rows) {
      phase.lines.push_back(line_of(prices, row));
      phase.now_sum = phase.now_sum + phase.lines.back().now;
      if (!row.items.empty()) phase.rest = phase.rest + phase.lines.back().now;
      phase.known = phase.known && phase.lines.back().known;
    }
    out.push_back(std::move(phase));
  }
  return out;
}

std::vector<Difference> differences(const Prices& prices) {
  std::vector<Difference> out;
  add_unit_price(out, prices, "serverless.memory", "memory of containers", kSeedMemory);
  add_unit_price(out, prices, "serverless.vcpu", "CPU of containers", kSeedVcpu);
  add_allowances(out, prices);
  add_example(out, prices);
  add_volumes(out, prices);
  add_sums(out, prices);
  add_on_demand(out, prices);
  add_storage(out, prices);
  add_unknown(out, prices);
  return out;
}

}  // namespace mecapy::cost
