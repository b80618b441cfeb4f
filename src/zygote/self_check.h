// The run's look at itself before it reads a byte of the author's code: what was taken away must be
// gone, tried where it can be tried.
#pragma once

#include <cstdint>

#include "sandbox/step.h"

namespace mecapy::zygote {

// `user`: whom it must be; never root.
sandbox::StepFailure check_confinement(std::uint32_t user);

}  // namespace mecapy::zygote
