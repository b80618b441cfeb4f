// The launcher of `mecapy serve`:
//
//   launcher (root when started as root, with a supervisor's capabilities, so that it can start
//   │         another; reads a ready line and a pulse from each child)
//   ├─ API process   (the data folder's user)     store, queue, dispatcher, HTTP
//   └─ worker        (front: the same user)       /execute on a Unix socket
//        └─ supervisor (root's capabilities for namespaces and cgroups; reads nothing a run wrote)
//             ├─ zygote                           see sandbox/sandbox.h
//             └─ init of each run ▸ the run
//
// With workers elsewhere (worker.url) there is no worker, and nobody stays root.
//
// Both children die with the launcher. The worker is started again when it dies, with a pause that
// grows while it dies young. When the API process ends, everything ends, with its status. A child
// that hangs (pulse.h) is killed, and so dies.
#pragma once

#include <sys/types.h>

#include "base/fd.h"
#include "config/settings.h"

namespace mecapy::main {

// Until both children have ended, or somebody asks it to stop; the exit status. Does so for the
// data folder of the settings, which is there, locked, and `uid`'s. `documents`: see run_api.
int launch(const config::Settings& settings, uid_t uid, base::Fd documents);

}  // namespace mecapy::main
