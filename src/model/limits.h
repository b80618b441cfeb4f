// What a run may use. One table names every limit, its default, its range and its unit; parsing,
// the settings of the ceilings, OpenAPI and the documents read it.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"

namespace mecapy::model {

struct Limits {
  double timeout_s = 600;     // wall time of the author's code, seconds
  double cpu_s = 0;           // CPU time of all its processes, seconds; 0: timeout_s * cpus
  double memory_mb = 2048;    // memory of all its processes and its files, MiB
  double cpus = 1;            // CPUs' worth of time; BLAS threads follow it, rounded up
  double disk_mb = 256;       // working folder, MiB (it lives in memory and counts there too)
  double log_kb = 1024;       // stdout and stderr together, KiB
  double result_mb = 8;       // the encoded result, MiB
  double artifacts_mb = 64;   // all artifacts of a run together, MiB
  double checkpoint_mb = 64;  // a saved state of the calculation, encoded, MiB; 0: none
  double processes = 64;      // processes and threads at once
  double gpus = 0;            // graphics processors; only machines made for one run have them
  friend bool operator==(const Limits&, const Limits&) = default;

  double cpu_budget_s() const { return cpu_s > 0 ? cpu_s : timeout_s * cpus; }
};

struct LimitRow {
  std::string_view name;  // in JSON "limits" and in the setting "limits.max_NAME"
  double Limits::*field;
  double min;
  double ceiling;  // default ceiling; the operator may set another
  bool whole;      // only whole numbers
  std::string_view unit;
  std::string_view meaning;
};

const std::vector<LimitRow>& limit_table();

// The default ceilings: the table's, as Limits.
Limits default_ceilings();

// `limits` with each one at most its ceiling: for what nobody asked for.
Limits lower_to(Limits limits, const Limits& ceilings);

// `limits` with cpu_s set to its ceiling where it was left to timeout_s * cpus and that is more.
Limits bound_cpu(Limits limits, const Limits& ceilings);

// For who only looks at types and minima.
Limits no_ceilings();

// What is wrong with `value` for this limit, in words with units; "" when nothing is.
std::string limit_problem(const LimitRow& row, double value, double ceiling);

// Every field of `limits` within [min, ceiling]; otherwise invalid_fields with one problem per
// wrong field ("/limits/memory_mb": "4096 MiB is over the ceiling of 2048 MiB").
Result<void> check_limits(const Limits& limits, const Limits& ceilings);

}  // namespace mecapy::model
