// A process beside the run that shares its memory and does nothing.
#pragma once

#include <array>

namespace mecapy::zygote {

// The stack it stands on, of the run's own.
using HolderStack = std::array<char, 4096>;

// Taking down a run's memory takes the kernel a millisecond or so, and the run's end is told only
// then, unless somebody else still holds it: here a child that closes its descriptors and sleeps
// until the sandbox is killed. It is confined as the run is, and its memory is the run's, so the
// run can make it do whatever a thread could, also before its first instruction: to be called when
// nothing is left to be taken from the process, no descriptor either.
// Who waits for children does not see it: its end sends no signal (clone(2), __WCLONE).
// Without it, should it fail, the end is told later and nothing else changes.
void hold_memory(HolderStack& stack);

}  // namespace mecapy::zygote
