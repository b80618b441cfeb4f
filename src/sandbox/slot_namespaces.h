// The two namespaces that a slot's sandboxes use one after another. To make and to take down a
// network namespace costs the kernel more than all the others together; and nothing of a run stays
// in these: the one holds an id map, the other no interface and, its processes gone, no socket.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/fd.h"
#include "sandbox/step.h"

namespace mecapy::sandbox {

struct SlotNamespaces {
  base::Fd user;
  base::Fd net;  // owned by `user`
};

// Makes them as `owner`, whose processes may then enter them, and maps `author` inside to `outer`.
StepFailure make_slot_namespaces(std::uint32_t owner, std::uint32_t outer, SlotNamespaces& made);

// Whether `pid` is in a user namespace with that map.
bool is_mapped_to(pid_t pid, std::uint32_t outer);

}  // namespace mecapy::sandbox
