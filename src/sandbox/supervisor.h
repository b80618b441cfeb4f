// The privileged process between the front and the runs; see the theory of operation in
// supervisor.cc.
#pragma once

#include <sys/types.h>

#include "sandbox/sandbox.h"

namespace mecapy::sandbox {

// The life of the supervisor, in the process forked for it by launch(). `front` is its socket to
// the front, `parent` the front's pid. Never returns.
[[noreturn]] void supervise(int front, pid_t parent, const Options& options);

}  // namespace mecapy::sandbox
