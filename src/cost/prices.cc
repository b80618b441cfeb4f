#include "cost/prices.h"

#include <toml++/toml.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <fstream>
#include <span>

#include "base/nearest.h"
#include "cost/shipped.h"

namespace mecapy::cost {
namespace {

constexpr std::array<std::string_view, 7> kPriceKeys = {
    "item", "unit", "eur", "free_per_month", "unknown", "source", "date"};
constexpr std::array<std::string_view, 9> kMachineKeys = {
    "placer", "type", "eur", "unknown", "cpus", "memory_gb", "gpus", "source", "date"};

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
  const std::string near = base::nearest(word, {known.begin(), known.end()});
  return near.empty() ? "" : "; did you mean " + near + "?";
}

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  int value = 0;
  if (text.size() < at + count) return std::nullopt;
  const char* const end = text.data() + at + count;
  const auto [stop, ec] = std::from_chars(text.data() + at, end, value);
  if (ec != std::errc() || stop != end || text[at] == '-') return std::nullopt;
  return value;
}

// YYYY-MM or YYYY-MM-DD, of a day that there is.
bool is_date(std::string_view text) {
  if (text.size() != 7 && text.size() != 10) return false;
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = text.size() == 7 ? std::optional(1) : digits(text, 8, 2);
  const bool apart = text[4] == '-' && (text.size() == 7 || text[7] == '-');
  if (!year || !month || !day || !apart) return false;
  return std::chrono::year_month_day(std::chrono::year(*year),
                                     std::chrono::month(static_cast<unsigned>(*month)),
                                     std::chrono::day(static_cast<unsigned>(*day)))
      .ok();
}

// One row as it is read; remembers the first thing that is wrong with it.
class Reader {
 public:
  Reader(const toml::table& row, std::span<const std::string_view> keys) : row_(row) {
    for (const auto& [key, value] : row) {
      if (std::ranges::find(keys, key.str()) != keys.end()) continue;
      wrong("has no member " + std::string(key.str()) + did_you_mean(key.str(), keys));
    }
  }

  bool has(std::string_view key) const { return row_.contains(key); }

  std::string text(std::string_view key) {
    const toml::node* node = row_.get(key);
    if (node == nullptr) {
      wrong(std::string(key) + " is missing");
      return "";
    }
    const auto* value = node->as_string();
    if (value == nullptr || value->get().empty()) {
      wrong(std::string(key) + " must be text");
      return "";
    }
    return value->get();
  }

  // At least `min`; a whole number, too, where that is asked for.
  double number(std::string_view key, double min, bool whole = false) {
    const toml::node* node = row_.get(key);
    if (node == nullptr) {
      wrong(std::string(key) + " is missing");
      return min;
    }
    const auto value = node->is_number() ? node->value<double>() : std::nullopt;
    if (value && *value >= min && *value <= 1e15 && (!whole || *value == std::floor(*value))) {
      return *value;
    }
    wrong(std::string(key) + " must be a " + (whole ? "whole " : "") + "number, at least " +
          (min == 0 ? "0" : "1"));
    return min;
  }

  void wrong(const std::string& what) {
    if (problem_.empty()) problem_ = what;
  }
  const std::string& problem() const { return problem_; }

 private:
  const toml::table& row_;
  std::string problem_;
};

// What rows of both kinds have.
Price read_price(Reader& row, std::string item, std::string unit) {
  Price price;
  price.item = std::move(item);
  price.unit = std::move(unit);
  if (row.has("eur") == row.has("unknown")) {
    row.wrong("must have eur, or unknown with the reason");
  } else if (row.has("eur")) {
    price.eur = row.number("eur", 0);
  } else {
    price.unknown = row.text("unknown");
  }
  price.source = row.text("source");
  price.date = row.text("date");
  if (!is_date(price.date)) row.wrong("date must be like 2026-07 or 2026-07-15");
  return price;
}

Price read_item(Reader& row) {
  const std::string item = row.text("item");
  Price price = read_price(row, item, row.text("unit"));
  if (row.has("free_per_month")) price.free_per_month = row.number("free_per_month", 0);
  return price;
}

Machine read_machine(Reader& row) {
  Machine machine;
  machine.placer = row.text("placer");
  machine.type = row.text("type");
  machine.cpus = static_cast<int>(std::min(row.number("cpus", 1, true), 1e6));
  machine.memory_gb = row.number("memory_gb", 0);
  if (row.has("gpus")) machine.gpus = static_cast<int>(std::min(row.number("gpus", 0, true), 1e6));
  machine.hour = read_price(row, machine.placer + "/" + machine.type, "h");
  return machine;
}

std::string_view name_of(const Price& price) { return price.item; }
std::string_view name_of(const Machine& machine) { return machine.hour.item; }

// `row` in the place of the one in `rows` that has its name, or behind them.
template <class Row>
void put(std::vector<Row>& rows, Row row) {
  const auto there = std::ranges::find(rows, name_of(row), [](const Row& r) { return name_of(r); });
  if (there == rows.end()) {
    rows.push_back(std::move(row));
  } else {
    *there = std::move(row);
  }
}

// What is wrong with a price that shall stand over one of `below`; "" when nothing is.
std::string problem_over(const Prices& below, const Price& price) {
  if (const Price* old = below.item(price.item)) {
    return old->unit == price.unit ? "" : "unit must be " + old->unit;
  }
  std::vector<std::string_view> known;
  for (const Price& one : below.items) known.push_back(one.item);
  return "there is no such item" + did_you_mean(price.item, known);
}
std::string problem_over(const Prices&, const Machine&) { return ""; }

// The rows of one kind, `kind`, into `into`.
template <class Row>
Result<void> read_rows(const toml::table& file, std::string_view kind,
                       std::span<const std::string_view> keys, Row (*read)(Reader&),
                       const Prices* below, const std::string& where, std::vector<Row>& into) {
  const toml::node* node = file.get(kind);
  if (node == nullptr) return {};
  if (!node->is_array_of_tables() && !(node->is_array() && node->as_array()->empty())) {
    return fail(ErrorCode::usage, where + ": " + std::string(kind) + " must be a list of rows");
  }
  std::vector<std::string> seen;
  for (const toml::node& one : *node->as_array()) {
    Reader reader(*one.as_table(), keys);
    Row row = read(reader);
    const std::string name(name_of(row));
    if (reader.problem().empty() && below != nullptr) reader.wrong(problem_over(*below, row));
    if (std::ranges::find(seen, name) != seen.end()) reader.wrong("is there twice");
    if (!reader.problem().empty()) {
      return fail(ErrorCode::usage, where + ": " + std::string(kind) + " " +
                                        std::to_string(seen.size() + 1) + " (" + name +
                                        "): " + reader.problem());
    }
    seen.push_back(name);
    put(into, std::move(row));
  }
  return {};
}

Result<toml::table> parse(std::string_view text, const std::string& where) {
  std::string error;
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& e) {
    error = std::string(e.description()) + " at line " + std::to_string(e.source().begin.line);
  }
  return fail(ErrorCode::usage, where + ": " + error);
}

Result<std::string> text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  char piece[4096];
  while (file.read(piece, sizeof piece) || file.gcount() > 0) {
    text.append(piece, static_cast<std::size_t>(file.gcount()));
  }
  if (file.is_open() && !file.bad()) return text;
  return fail(ErrorCode::usage, "cost.prices: " + path + " cannot be read");
}

}  // namespace

const Price* Prices::item(std::string_view name) const {
  const auto found = std::ranges::find(items, name, &Price::item);
  return found == items.end() ? nullptr : &*found;
}

const Machine* Prices::machine(std::string_view placer, std::string_view type) const {
  const auto found = std::ranges::find_if(
      machines, [&](const Machine& m) { return m.placer == placer && m.type == type; });
  return found == machines.end() ? nullptr : &*found;
}

Result<Prices> with_rows(Prices prices, std::string_view text, const std::string& where,
                         Rows rows) {
  auto file = parse(text, where);
  if (!file) return file.error();
  constexpr std::array<std::string_view, 2> kKinds = {"price", "machine"};
  for (const auto& [key, value] : *file) {
    if (std::ranges::find(kKinds, key.str()) != kKinds.end()) continue;
    return fail(ErrorCode::usage, where + ": rows are of price or machine, not of " +
                                      std::string(key.str()) + did_you_mean(key.str(), kKinds));
  }
  const Prices before = prices;
  const Prices* const below = rows == Rows::over ? &before : nullptr;
  auto done = read_rows<Price>(*file, "price", kPriceKeys, read_item, below, where, prices.items);
  if (!done) return done.error();
  done = read_rows<Machine>(*file, "machine", kMachineKeys, read_machine, below, where,
                            prices.machines);
  if (!done) return done.error();
  return prices;
}

Result<Prices> load_prices(const std::string& path) {
  auto shipped = with_rows({}, kShippedPrices, "prices.toml", Rows::first);
  if (!shipped || path.empty()) return shipped;
  auto text = text_of(path);
  if (!text) return text.error();
  return with_rows(std::move(*shipped), *text, path, Rows::over);
}

}  // namespace mecapy::cost
