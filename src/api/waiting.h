// Answers that wait for the end of a run.
#pragma once

#include <chrono>

#include "api/routes.h"

namespace mecapy::api {

// `run` when it has ended, or as it is after `wait`; at once when it has ended already, or `wait`
// is zero. Nobody waits for a client that has gone; the run goes on. `channel` is the run's, opened
// before it was read, so that nothing is missed. The store's errors.
awaitable<Result<model::Run>> wait_for_end(Api& api, Call& call, model::Run run,
                                           feed::Channel& channel, std::chrono::milliseconds wait);

}  // namespace mecapy::api
