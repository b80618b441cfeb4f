// A process beside the run that shares its memory and does nothing.
#pragma once

#include <array>

#include "sandbox/step.h"

namespace mecapy::zygote {

// The stack it stands on, of the run's own.
using HolderStack = std::array<char, 4096>;

// Taking down a run's memory takes the kernel a millisecond or so, and the run's end is told only
// then, unless somebody else still holds it: here a child with no descriptors that sleeps until the
// sandbox is killed. It is confined as the run is, and its memory is the run's, so the run can make
// it do whatever a thread could: to be called when nothing is left to be taken from the process.
// Who waits for children does not see it: its end sends no signal (clone(2), __WCLONE).
sandbox::StepFailure hold_memory(HolderStack& stack);

}  // namespace mecapy::zygote
