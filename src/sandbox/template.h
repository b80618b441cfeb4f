// What a run sees of the machine: a root of its own with the interpreter, the environment's
// packages and a few devices, all read-only. Built once for the zygote; every run starts from a
// copy.
#pragma once

#include <string>
#include <vector>

#include "sandbox/sandbox.h"
#include "sandbox/step.h"

namespace mecapy::sandbox {

inline constexpr const char* kTemplateRuntime = "/mecapy/runtime";
inline constexpr const char* kTemplateEnvironment = "/mecapy/env";
inline constexpr const char* kTemplateCache = "/mecapy/cache";

// In a child of the supervisor that is about to become the zygote: leaves the caller's mount,
// network, IPC and UTS namespaces and makes the template the root. Needs CAP_SYS_ADMIN.
StepFailure enter_template(const Options& options);

// The same places of the machine, for where no template can be made: what Landlock lets runs read.
std::vector<std::string> visible_places(const Options& options);

}  // namespace mecapy::sandbox
