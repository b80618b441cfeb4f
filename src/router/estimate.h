// How long a run is expected to take. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "model/run.h"

namespace mecapy::router {

// What is known before a run, in order of trust.
struct Known {
  std::optional<double> caller_s{};                  // said with the execute, seconds
  std::vector<std::chrono::microseconds> history{};  // earlier runs of the version, in any order
  std::optional<double> task_s{};                    // said of the task, seconds
  double default_s = 60;                             // where nobody said anything
};

// The share of earlier runs that took no longer than what is expected.
inline constexpr double kQuantile = 0.95;

// The first that is known; a run is never expected to outlive `timeout_s`. Of the history it is the
// quantile by nearest rank: the smallest time that kQuantile of the runs did not exceed.
model::Estimate estimate(const Known& known, double timeout_s);

// What budgets count of it, seconds: as above, but what its user says of the run or its task only
// makes it longer than the history, or the default where there is none.
double budget_seconds(const Known& known, double timeout_s);

}  // namespace mecapy::router
