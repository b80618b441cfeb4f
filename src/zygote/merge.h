// Fewer mappings: a fork copies each of them, and an exit takes each of them down.
#pragma once

#include "sandbox/step.h"

namespace mecapy::zygote {

// Linkers give each library up to six mappings, in which only what may be executed and what is
// written need to differ. Here its header, its code and its constants become one executable
// mapping, its data and what the loader has made read-only (RELRO) one writable one: what they
// protect is the calculation from itself. Nothing becomes writable and executable.
sandbox::StepFailure merge_library_mappings();

}  // namespace mecapy::zygote
