// Landlock: a second wall around files, for kernels that have it (landlock(7)).
#pragma once

#include "sandbox/step.h"

namespace mecapy::zygote {

// From here on this process and its children read below /, write below /work, /tmp and /dev/shm,
// and execute nothing. Does nothing on a kernel without Landlock: the mounts and the filters hold
// there.
sandbox::StepFailure restrict_files();

}  // namespace mecapy::zygote
