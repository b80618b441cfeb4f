// A front of the sandbox that measures: it does what the worker's front does for a run (start, job
// out, frames and log in, the end), with nothing else in between.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/sandbox.h"

namespace mecapy::bench {

// A calculation that answers {"first_line_ns", "ahead", "value"}: CLOCK_MONOTONIC in its first
// line, whether its packages had been imported before it, and a number that is always the same.
struct Work {
  std::string code;
  sandbox::ZygoteKind kind = sandbox::ZygoteKind::bare;
};

// One run, in microseconds.
struct Sample {
  std::int64_t first_line_us = 0;  // from the call of start to the author's first line
  std::int64_t total_us = 0;       // to its end told, and result and log read to their ends
  std::int64_t setup_us = 0;       // Evidence's, as the rest
  std::int64_t wall_us = 0;
  std::int64_t cpu_us = 0;
  bool ahead = false;
  double value = 0;
};

// Runs `work` `runs` times, with `in_flight` at once, at most as many as `sandbox` has slots. A run
// that fails, or answers something else, is the error.
Result<std::vector<Sample>> run_all(sandbox::Sandbox& sandbox, const Work& work, int runs,
                                    int in_flight);

}  // namespace mecapy::bench
