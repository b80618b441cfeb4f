// Init: pid 1 of a run's pid namespace. Native code only; it never sees the author's code.
#pragma once

#include "base/fd.h"
#include "sandbox/filter.h"

namespace mecapy::zygote {

// The descriptors the supervisor sent for one run.
struct RunFds {
  base::Fd ctl;
  base::Fd channel;
  base::Fd log;
};

// The life of init, in the process the zygote cloned. Waits for its limits, mounts the run's own
// folders, forks the run, reaps until that has ended, reports and exits: the kernel then ends every
// process left in the namespace.
[[noreturn]] void be_init(RunFds fds, const sandbox::FilterProgram& run_filter);

}  // namespace mecapy::zygote
