// One verdict for each run, from evidence; never guessed.
#pragma once

#include <optional>
#include <string>

#include "model/run.h"
#include "sandbox/sandbox.h"

namespace mecapy::sandbox {

// What the channel and the log said until they closed.
struct ChannelReport {
  std::optional<std::string> result;        // validated JSON, when a result frame came whole
  std::optional<std::string> failure_json;  // payload of the failure frame
  std::optional<base::Error> broken;        // the frame parser's or the JSON validation's complaint
  std::string importing;                    // the package that was being imported when it closed
  bool log_overflow = false;                // the log passed its limit, the run was killed for it
};

// The end of the run, except for its payload keys, log and artifacts, which the worker fills.
// status completed needs: a whole result, exit status 0, no limit fired.
model::RunEnd judge(const Evidence& evidence, const ChannelReport& report,
                    const model::Limits& limits);

}  // namespace mecapy::sandbox
