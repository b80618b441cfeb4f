// The filters of a run that has no namespaces around it, beside those of the table of system calls:
// each names calls that the table allows.
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

// For a run that is of the worker's own user: it changes no mode and no time of any file, as
// Landlock guards neither, nor before its ABI 3 what truncate(2) does by a path.
StepFailure keep_modes(bool truncate_is_guarded);

}  // namespace mecapy::sandbox
