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

// Whether every object the worker named is one of this run: results/RUN..., logs/RUN..., and so on.
bool keys_belong_to(const model::RunEnd& end, const model::RunId& run);

// An end of a run that was calculated tells where.
inline void remember_environment(const model::RunEnd& end, std::string& environment) {
  if (!end.environment.empty()) environment = end.environment;
}

// Reads lines until the end line, telling the observer. unavailable when the worker broke off;
// invalid_request when it sent what is no answer.
awaitable<Result<model::RunEnd>> follow(net::LineStream& lines, base::Deadline deadline,
                                        Observer& observer);

// The end of a look at code, as Backend::check tells it.
awaitable<Result<std::optional<model::Failure>>> read_check(net::LineStream& lines,
                                                            base::Deadline deadline);

// The end of an attempt that a worker answered with another status than 200.
awaitable<model::RunEnd> refused(net::LineStream& lines);

}  // namespace mecapy::backends
