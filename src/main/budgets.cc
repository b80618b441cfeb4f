#include "main/budgets.h"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace mecapy::main {
namespace {

std::optional<double> parse_euros(std::string_view text) {
  double eur = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), eur);
  const bool whole = end.ec == std::errc() && end.ptr == text.data() + text.size();
  if (!whole || !(eur >= 0 && eur <= 1e9)) return std::nullopt;
  return eur;
}

}  // namespace

std::optional<api::BudgetTerms> Budgets::of(const std::string& user) const {
  const auto own = users.find(user);
  const double eur = own == users.end() ? month_eur : own->second;
  if (eur <= 0) return std::nullopt;
  return api::BudgetTerms{eur, warn_at};
}

Result<Budgets> read_budgets(const config::Settings& settings) {
  Budgets budgets{settings.budget_month_eur, {}, settings.budget_warn_at};
  std::istringstream in(settings.budget_users);
  for (std::string one; in >> one;) {
    const std::size_t equals = one.rfind('=');
    const auto eur = equals == std::string::npos
                         ? std::nullopt
                         : parse_euros(std::string_view(one).substr(equals + 1));
    if (!eur || equals == 0) {
      return fail(ErrorCode::usage,
                  "budget.users: \"" + one + "\" is not USER=EUR, as in ann=50; 0 is no bound");
    }
    budgets.users[one.substr(0, equals)] = *eur;
  }
  return budgets;
}

Result<void> check_budgets(const Budgets& budgets, const Routing& routing) {
  const bool somebody = budgets.month_eur > 0 || std::ranges::any_of(budgets.users, [](auto& one) {
                          return one.second > 0;
                        });
  if (!somebody) return {};
  for (const model::Cost& cost : hours(routing)) {
    if (cost.complete) continue;
    return fail(ErrorCode::usage, "budgets count what runs cost, and " + cost.why +
                                      ": give it a row in the file of cost.prices");
  }
  return {};
}

}  // namespace mecapy::main
