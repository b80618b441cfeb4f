// Control groups: memory, processes and CPU of all processes of a run together, over cgroup v1, v2
// and the hybrid of both (each controller is used where this machine has it).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sandbox/cgroup_places.h"
#include "sandbox/cgroup_slot.h"
#include "sandbox/step.h"

namespace mecapy::sandbox {

// Whether a group of v2, which has the memory controller, keeps its processes from swapping: it
// can, or the machine does not swap. One that swaps uses more than it was granted (v1:
// memory.swappiness).
bool bounds_swap(const std::string& group);

// Ends what supervisors that were killed have left running, and removes their groups: before their
// user ids are given to somebody else. Waits for the dying, at most 10 s.
void remove_stale_cgroups();

// `mecapy-PID` below this process's own group of each hierarchy, with one group per slot. Removes
// them when it is destroyed. Where this process may make no group (read-only, not permitted), the
// controller counts as missing, which the probe has said; any other failure is one of make().
class CgroupTree {
 public:
  static StepFailure make(int slots, std::unique_ptr<CgroupTree>& tree);
  ~CgroupTree();
  const ControllerPlaces& places() const { return places_; }
  bool has(Controller c) const { return places_[static_cast<std::size_t>(c)].version != 0; }
  CgroupSlot& slot(int k) { return slots_[static_cast<std::size_t>(k)]; }

 private:
  CgroupTree() = default;
  StepFailure add_parent(ControllerPlace& place, const std::string& parent);
  ControllerPlaces places_;
  std::vector<std::string> parents_;
  std::vector<CgroupSlot> slots_;
};

// Makes the v2 folder `own` hand `controllers` ("+memory +pids") to its children. Processes that
// `own` holds itself (cgroups(7), "no internal processes") first move to the leaf
// `own`/mecapy-main, until none that was forked meanwhile is left.
StepFailure delegate(const std::string& own, const std::string& controllers);

}  // namespace mecapy::sandbox
