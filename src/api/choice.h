// Where a run goes: asked before it is made, or only to know.
#pragma once

#include "api/routes.h"

namespace mecapy::api {

// By what is known before a run of this version. invalid_fields when no backend takes it.
awaitable<Result<RouteAnswer>> choose_backend(Api& api, RouteQuestion& question,
                                              const model::TaskId& task, int version);

}  // namespace mecapy::api
