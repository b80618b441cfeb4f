// The run: the process that will execute the author's code, from its fork to that moment.
#pragma once

#include "sandbox/protocol.h"
#include "zygote/init.h"

namespace mecapy::zygote {

// Takes from this process all it does not need, in a fixed order, checks that it is gone, says
// `ready`, and enters Python. Never returns.
[[noreturn]] void be_run(RunFds fds, const sandbox::RunSetup& setup,
                         const sandbox::FilterProgram& filter);

}  // namespace mecapy::zygote
