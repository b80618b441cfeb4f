// Init where no namespace can be made: it watches what one would hold.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "zygote/run.h"

namespace mecapy::zygote {

// The life of init, in the process the zygote cloned. Becomes the run's user, where there is one;
// forks the run, which prepares itself and waits; once told the limits, looks every few
// milliseconds at memory, CPU time, processes and folder of all that the run started, and ends them
// all when a limit is passed, when the run has ended or when the supervisor hangs up; then empties
// the folder, reports and exits. `readable`: what the run may read of the machine.
[[noreturn]] void be_contained_init(base::Fd ctl, const std::vector<std::string>& readable,
                                    const RunKit& kit);

}  // namespace mecapy::zygote
