// What an attempt has left in the objects when its answer was lost on the way.
#pragma once

#include <optional>
#include <string>

#include "backends/backend.h"

namespace mecapy::backends {

struct Sizes {
  std::int64_t inline_limit = 32 * 1024;  // a result up to this is taken out of its object, bytes
  std::int64_t max = 64 << 20;            // of a result, bytes
};

// The result of an attempt that is an object, read and checked. not_found when there is none;
// invalid_request when it is no JSON; too_large; storage when the objects could not be asked.
awaitable<Result<model::Payload>> read_result(objects::ObjectStore& objects, std::string key,
                                              Sizes sizes);

// A worker keeps artifacts and log before the result: where the result is, all is. Nothing when it
// is not there; the end has no usage then, as nobody can tell it any more.
awaitable<Result<std::optional<model::RunEnd>>> find_end(objects::ObjectStore& objects,
                                                         const model::Job& job, Sizes sizes);

}  // namespace mecapy::backends
