// The zygote as the supervisor sees it: a child, a socket, a deadline to become ready.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.h"
#include "sandbox/protocol.h"
#include "sandbox/sandbox.h"
#include "sandbox/zygote_kinds.h"

namespace mecapy::sandbox {

struct ZygoteProcess {
  pid_t pid = -1;
  base::Fd socket;  // ZygoteRequest out, ZygoteReply in; non-blocking
};

// Forks, enters the template, gives up everything and becomes the zygote program. What it says
// first is `ready` or `failed`; requests may be sent before. False with `error` when there is no
// child.
bool spawn_zygote(const Options& options, ZygoteKind kind, ZygoteProcess& zygote,
                  std::string& error);

// Waits up to 30 s for `ready`. On failure `error` says why, and the child is reaped.
bool wait_until_ready(ZygoteProcess& zygote, ZygoteReply& ready, std::string& error);

// Why the zygote says it cannot start.
std::string complaint_of(const ZygoteReply& reply);

}  // namespace mecapy::sandbox
