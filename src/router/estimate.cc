#include "router/estimate.h"

#include <algorithm>
#include <cmath>

namespace mecapy::router {
namespace {

double quantile_s(std::vector<std::chrono::microseconds> times) {
  const auto rank =
      static_cast<std::size_t>(std::ceil(kQuantile * static_cast<double>(times.size())));
  const auto at = times.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
  std::ranges::nth_element(times, at);
  return std::chrono::duration<double>(*at).count();
}

model::Estimate first_known(const Known& known) {
  if (known.caller_s) return {*known.caller_s, "caller", 0};
  if (!known.history.empty()) {
    return {quantile_s(known.history), "history", static_cast<int>(known.history.size())};
  }
  if (known.task_s) return {*known.task_s, "task", 0};
  return {known.default_s, "default", 0};
}

}  // namespace

model::Estimate estimate(const Known& known, double timeout_s) {
  model::Estimate found = first_known(known);
  found.seconds = std::min(found.seconds, timeout_s);
  return found;
}

double budget_seconds(const Known& known, double timeout_s) {
  Known unsaid = known;
  unsaid.caller_s = unsaid.task_s = {};
  const double said = std::max(known.caller_s.value_or(0), known.task_s.value_or(0));
  return std::min(std::max(said, first_known(unsaid).seconds), timeout_s);
}

}  // namespace mecapy::router
