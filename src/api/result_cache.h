// What a cache answers: runs that have ended, and runs that another one has calculated.
#pragma once

#include "api/routes.h"

namespace mecapy::api {

// Run `id` of the caller. One that has ended comes from the cache, where the first to ask puts it.
awaitable<Result<model::Run>> read_run(Api& api, const Call& call, model::RunId id);

// For a run of a task that asks for a cache: sets what it is found by later and, when a run of at
// most `ttl_s` seconds ago has calculated the same, its end. A request whose Cache-Control is
// no-cache, no-store or max-age=0 has it calculated.
awaitable<Result<void>> answer_from_cache(Api& api, const Call& call, double ttl_s,
                                          const std::string& code, const std::string& inputs,
                                          model::Run& run);

}  // namespace mecapy::api
