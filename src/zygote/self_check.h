// The run's look at itself before it reads a byte of the author's code: what was taken away must be
// gone, tried where it can be tried.
#pragma once

#include "sandbox/step.h"

namespace mecapy::zygote {

sandbox::StepFailure check_confinement();

}  // namespace mecapy::zygote
