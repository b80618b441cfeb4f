// The two seccomp filters made from the syscall table, as BPF programs.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "sandbox/step.h"

namespace mecapy::sandbox {

// A program in memory: built once, installed with one system call.
using FilterProgram = std::vector<sock_filter>;

// zygote: everything in the table is allowed (or answered ENOSYS), the rest is EPERM; a foreign
// architecture or the x32 ABI kills the process. run: the table's set-up rows are EPERM, the rest
// is left to the zygote's filter, which stays in force.
// zygote_with_gpus: the same, and the table's driver rows.
enum class FilterKind { zygote, zygote_with_gpus, run };

StepFailure build_filter(FilterKind kind, FilterProgram& program);

// Installs `program` in this thread; needs no_new_privs or CAP_SYS_ADMIN.
StepFailure install_filter(const FilterProgram& program);

}  // namespace mecapy::sandbox
