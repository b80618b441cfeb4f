#include "model/limits.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

namespace mecapy::model {
namespace {

std::string number(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.10g", v);
  return text;
}

}  // namespace

const std::vector<LimitRow>& limit_table() {
  static const std::vector<LimitRow> table = {
      {"timeout_s", &Limits::timeout_s, 0.05, 600, false, "s", "wall time of the calculation"},
      {"cpu_s", &Limits::cpu_s, 0, 4800, false, "s",
       "CPU time of all processes together; 0 means timeout_s x cpus"},
      {"memory_mb", &Limits::memory_mb, 64, 2048, true, "MiB",
       "memory of all processes and of the working folder"},
      {"cpus", &Limits::cpus, 0.1, 1, false, "CPU", "CPUs' worth of time, and BLAS threads"},
      {"disk_mb", &Limits::disk_mb, 1, 1024, true, "MiB",
       "size of the working folder, which lives in memory"},
      {"log_kb", &Limits::log_kb, 1, 1024, true, "KiB", "standard output and error together"},
      {"result_mb", &Limits::result_mb, 0.001, 8, false, "MiB", "the encoded result"},
      {"artifacts_mb", &Limits::artifacts_mb, 0, 64, false, "MiB", "all artifacts together"},
      {"checkpoint_mb", &Limits::checkpoint_mb, 0, 64, false, "MiB",
       "a saved state of the calculation, encoded"},
      {"processes", &Limits::processes, 1, 256, true, "", "processes and threads at once"},
      {"gpus", &Limits::gpus, 0, 0, true, "GPU", "graphics processors, of a machine of its own"},
  };
  return table;
}

Limits default_ceilings() {
  Limits ceilings;
  for (const LimitRow& row : limit_table()) ceilings.*row.field = row.ceiling;
  return ceilings;
}

Limits lower_to(Limits limits, const Limits& ceilings) {
  for (const LimitRow& row : limit_table()) {
    limits.*row.field = std::min(limits.*row.field, ceilings.*row.field);
  }
  return limits;
}

Limits bound_cpu(Limits limits, const Limits& ceilings) {
  if (limits.cpu_s == 0 && limits.cpu_budget_s() > ceilings.cpu_s) limits.cpu_s = ceilings.cpu_s;
  return limits;
}

Limits no_ceilings() {
  Limits ceilings;
  for (const LimitRow& row : limit_table()) {
    ceilings.*row.field = std::numeric_limits<double>::infinity();
  }
  return ceilings;
}

std::string limit_problem(const LimitRow& row, double value, double ceiling) {
  const std::string unit = row.unit.empty() ? "" : " " + std::string(row.unit);
  if (!std::isfinite(value)) return "must be a finite number";
  if (value < row.min) {
    return number(value) + unit + " is under the minimum of " + number(row.min) + unit;
  }
  if (value > ceiling) {
    return number(value) + unit + " is over the ceiling of " + number(ceiling) + unit;
  }
  if (row.whole && value != std::floor(value)) return "must be a whole number";
  return "";
}

Result<void> check_limits(const Limits& limits, const Limits& ceilings) {
  Error error{ErrorCode::invalid_fields, "some limits are out of range", {}};
  for (const LimitRow& row : limit_table()) {
    std::string detail = limit_problem(row, limits.*row.field, ceilings.*row.field);
    if (!detail.empty()) {
      error.problems.push_back({"/limits/" + std::string(row.name), std::move(detail), {}, {}});
    }
  }
  if (!error.problems.empty()) return error;
  return {};
}

}  // namespace mecapy::model
