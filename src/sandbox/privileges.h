// Giving up what a process may do; nothing here gives anything back.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "sandbox/step.h"

namespace mecapy::sandbox {

// Keeps only `kept` (CAP_* numbers, those it has) in the bounding, permitted and effective sets;
// the inheritable and ambient sets become empty. capabilities(7).
StepFailure keep_capabilities(std::initializer_list<int> kept);

// Keeps what a supervisor needs: for the template, the id maps, the cgroups and killing; for those,
// too, who start one.
StepFailure keep_supervisor_capabilities();

StepFailure set_no_new_privs();

// Every signal back to its default action and unblocked: what a new program expects.
StepFailure reset_signals();

}  // namespace mecapy::sandbox
