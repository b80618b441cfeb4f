// What all backends make of a worker's answer.
#pragma once

#include <optional>
#include <string>

#include "backends/backend.h"
#include "net/line_stream.h"

namespace mecapy::backends {

// Set-up, artifacts and the answer on top of a run's own wall limit.
inline constexpr std::chrono::seconds kOverhead{120};

model::RunEnd cancelled();

// An end of a run that was calculated tells where.
inline void remember_environment(const model::RunEnd& end, std::string& environment) {
  if (!end.environment.empty()) environment = end.environment;
}

// Reads lines until the end line, telling the observer. unavailable when the worker broke off;
// invalid_request when it sent what is no answer; too_large when it sent more log than `most_log`
// bytes.
awaitable<Result<model::RunEnd>> follow(net::LineStream& lines, base::Deadline deadline,
                                        std::size_t most_log, Observer& observer);

// The end of a look at code, as Backend::check tells it.
awaitable<Result<model::Look>> read_check(net::LineStream& lines, base::Deadline deadline);

// The end of an attempt that a worker answered with another status than 200.
awaitable<model::RunEnd> refused(net::LineStream& lines);

}  // namespace mecapy::backends
