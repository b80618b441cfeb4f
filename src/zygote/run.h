// The run: the process that will execute the author's code, from its fork to that moment.
#pragma once

#include "base/fd.h"
#include "sandbox/filter.h"
#include "sandbox/protocol.h"

namespace mecapy::zygote {

// Wakes Python, says `prepared` and waits for its go on `ctl`; then takes from this process all it
// does not need, in a fixed order, checks that it is gone, says `ready`, and enters the harness.
// `mounted`: the bounds the working folder has now. Never returns.
[[noreturn]] void be_run(base::Fd ctl, const sandbox::DiskBounds& mounted,
                         const sandbox::FilterProgram& filter);

}  // namespace mecapy::zygote
