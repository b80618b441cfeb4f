// What runs cost, as it is asked of the store.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/cost.h"

namespace mecapy::store {

// By what costs are kept.
struct CostRules {
  model::Pricing price{};  // none: nothing is kept
  bool bucket = false;     // objects lie in one that is billed
  // What a run with these limits is expected to cost on a machine that it has not got yet, if it
  // takes so many seconds, EUR. Called as `price` is.
  std::function<double(const model::Limits&, double seconds)> machine_eur{};
};

enum class CostsBy : std::uint8_t { day, user, task, backend };
std::string_view name(CostsBy by);
std::optional<CostsBy> parse_costs_by(std::string_view name);

// Days since 1970-01-01, UTC.
using Day = std::int64_t;
Day day_of(base::TimePoint time);

struct CostsQuery {
  CostsBy by = CostsBy::day;
  std::optional<std::string> owner{};  // nothing: everybody's
  Day from = 0;
  Day until = 0;        // not this day any more
  std::string after{};  // the key of the last row before; "" for the first page
  int limit = 100;
};

// A run counts for the day it was accepted on, once it has ended or cost something; not when an
// earlier one answered for it.
struct CostsRow {
  std::string key;  // "2026-11-26", a user, a task's id ("" of all ad-hoc runs), a backend
  std::int64_t runs = 0;
  std::int64_t incomplete = 0;  // of them, those of which not all is known yet
  double eur = 0;
};

struct CostsPage {
  std::vector<CostsRow> rows;  // in the order of their keys
  std::string next;            // "" on the last page
  CostsRow total;              // of all pages
};

// How much a user may spend in the month that `since` begins. Of a run that has not ended, or whose
// machine is not gone, counts what was expected of it, or what it cost and has used by now where
// that is more.
struct Budget {
  double month_eur = 0;
  Day since = 0;
};

}  // namespace mecapy::store
