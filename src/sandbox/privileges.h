// Giving up what a process may do; nothing here gives anything back.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "sandbox/step.h"

namespace mecapy::sandbox {

// Keeps only `kept` (CAP_* numbers, those it has) in the bounding, permitted and effective sets;
// the inheritable and ambient sets become empty. capabilities(7). The bounding set stays for a
// process that may not shrink it and has no_new_privs: it can then win nothing from it.
StepFailure keep_capabilities(std::initializer_list<int> kept);

// Its two parts. The bounding set is that of all children to come, and costs a call for each
// capability there is.
StepFailure shrink_bounding_set(std::initializer_list<int> kept);
StepFailure keep_only(std::initializer_list<int> kept);

// Becomes `uid`, of no group but its own. A root loses all capabilities with it.
StepFailure become(std::uint32_t uid);
// Becomes `uid`, of no group but its own, and keeps `kept` also for the program it will execute.
StepFailure become_with(std::uint32_t uid, std::initializer_list<int> kept);

// Whether this process has all of `caps`.
bool has_capabilities(std::initializer_list<int> caps);

StepFailure set_no_new_privs();

// Every signal back to its default action and unblocked: what a new program expects.
StepFailure reset_signals();

}  // namespace mecapy::sandbox
