// Makes the zygote cheap to fork.
//
// fork(2) copies page tables only of mappings that hold private pages (an anon_vma; mm/memory.c,
// vma_needs_copy). After everything is loaded, what those pages hold is written to a sealed memfd
// that is mapped back privately at the same addresses: nothing is left to copy, and a child reads
// and writes its pages as it needs them.
//
// One write by the zygote would give its mapping private pages again. So afterwards the zygote runs
// native code only, which allocates nothing; its stack, its thread-local storage and the program's
// own data are left as they are.
#pragma once

#include <cstdint>

#include "sandbox/step.h"

namespace mecapy::zygote {

// Call it single-threaded, when a child could be forked from this state, and run no Python after
// it. A child that gives memory back with MADV_DONTNEED finds the template's bytes there, not
// zeros: glibc and CPython do not rely on them. `bytes`: what the sealed file holds.
sandbox::StepFailure remap_dirty_memory(std::int64_t& bytes);

}  // namespace mecapy::zygote
