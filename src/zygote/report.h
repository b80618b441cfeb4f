// What init and the run tell the supervisor over ctl.
#pragma once

#include "sandbox/protocol.h"
#include "sandbox/step.h"

namespace mecapy::zygote {

// send(2) and not sendmsg(2): the run's last filter has taken that away when it says `ready`.
bool send_report(int ctl, sandbox::RunReport report);

// Tells which step of the set-up failed and ends this process.
[[noreturn]] void die(int ctl, const sandbox::StepFailure& step);

}  // namespace mecapy::zygote
