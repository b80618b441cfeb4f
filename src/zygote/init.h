// Init: pid 1 of a run's pid namespace. Native code only; it never sees the author's code.
#pragma once

#include "base/fd.h"
#include "zygote/run.h"

namespace mecapy::zygote {

// The life of init, in the process the zygote cloned. Waits for its set-up, mounts the sandbox's
// own folders, joins its cgroups, forks the run, which prepares itself and waits for its job; reaps
// until the run has ended, reports and waits to be killed: the kernel then ends every process
// left in the namespace.
[[noreturn]] void be_init(base::Fd ctl, const RunKit& kit);

}  // namespace mecapy::zygote
