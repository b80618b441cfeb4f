// What things cost: one dated table (prices.toml, a part of the program) and the rows of the
// operator's own that go over it. docs/cost.md tells what a row is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mecapy::cost {

struct Price {
  std::string item;             // "serverless.memory"; of a machine "scaleway/DEV1-S"
  std::string unit;             // what is counted: "GB-s"; of a machine "h"
  std::optional<double> eur{};  // of one unit; nothing: nobody knows
  std::string unknown{};        // why not, then
  double free_per_month = 0;    // units that each account has for nothing every month
  std::string source;           // where the figure is from
  std::string date;             // of the figure: "2026-07" or "2026-07-15"
};

// A kind of machine, by the names its placer has.
struct Machine {
  std::string placer;
  std::string type;
  int cpus = 1;
  double memory_gb = 0;  // GB of 1024 MB
  int gpus = 0;
  Price hour;
};

struct Prices {
  std::vector<Price> items;
  std::vector<Machine> machines;

  // Nothing where there is no such row.
  const Price* item(std::string_view name) const;
  const Machine* machine(std::string_view placer, std::string_view type) const;
};

// Whether rows are the first of their table, or stand over those of another.
enum class Rows : std::uint8_t { first, over };

// `prices` with the rows of the TOML text `text`. A row over an item must have its unit, and an
// item that is not there is a typo; a machine that is not there is added. usage for what is no row:
// names `where`, the row and what is wrong with it.
Result<Prices> with_rows(Prices prices, std::string_view text, const std::string& where, Rows rows);

// The table of the program, with the rows of the file `path` over it; "" for none. usage as above,
// or when the file cannot be read.
Result<Prices> load_prices(const std::string& path);

}  // namespace mecapy::cost
