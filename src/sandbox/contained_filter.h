// The filter of a run that has no pid namespace around it.
#pragma once

#include "sandbox/step.h"

namespace mecapy::sandbox {

enum class SignalReach {
  anybody,  // something else confines signals: Landlock (landlock.h)
  itself,   // this process only: a filter cannot know the pids of children that are still to come
};

// From here on this process and its children stay in the process group and session they are in, so
// that one signal ends them all, and may signal `reach`. Needs no_new_privs.
StepFailure confine_processes(SignalReach reach);

}  // namespace mecapy::sandbox
