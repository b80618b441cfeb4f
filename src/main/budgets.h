// What users may spend in a month, as the settings say it.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "api/api.h"
#include "base/result.h"
#include "config/settings.h"
#include "main/routing.h"

namespace mecapy::main {

struct Budgets {
  double month_eur = 0;  // of who has none of his own; 0: no bound
  std::map<std::string, double, std::less<>> users;
  double warn_at = 1;

  // Nothing for who may spend what he likes.
  std::optional<api::BudgetTerms> of(const std::string& user) const;
};

// usage for a budget.users that says something else.
Result<Budgets> read_budgets(const config::Settings& settings);

// usage when somebody has a budget and nobody knows the price of something that a run may be
// billed: what is spent on it would never be counted.
Result<void> check_budgets(const Budgets& budgets, const Routing& routing);

}  // namespace mecapy::main
