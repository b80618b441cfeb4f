// What a cache answers: runs that have ended, and runs that another one has calculated.
#pragma once

#include "api/routes.h"

namespace mecapy::api {

// Run `id` of the caller. One that has ended comes from the cache, where the first to ask puts it.
awaitable<Result<model::Run>> read_run(Api& api, const Call& call, model::RunId id);

// Whether the request's Cache-Control is no-cache, no-store or max-age=0.
bool wants_fresh(const net::Request& request);

struct Reuse {
  double ttl_s;  // of an earlier run, since its end
  bool fresh;    // it is calculated all the same
  // First of all a run of this element answers, of this attempt of the workflow run or a later one.
  std::optional<model::NodePlace> own{};
  bool own_only = false;  // and no other does
};
// For a run that may be answered by an earlier one, or answer a later one: sets what it is found by
// later and, when a run of at most `ttl_s` seconds ago has calculated the same, its end.
awaitable<Result<void>> answer_from_cache(Api& api, Reuse reuse, const std::string& code,
                                          const std::string& inputs, model::Run& run);

}  // namespace mecapy::api
