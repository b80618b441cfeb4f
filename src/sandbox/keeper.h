// What a slot does to the processes of its sandbox in the one profile and in the other: lets them
// in, bounds them, counts what they use, and ends them.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/limits.h"
#include "sandbox/cgroup_slot.h"
#include "sandbox/protocol.h"
#include "sandbox/scratch.h"
#include "sandbox/slot_namespaces.h"
#include "sandbox/step.h"

namespace mecapy::sandbox {

class Keeper {
 public:
  virtual ~Keeper() = default;
  // As new, before init is cloned.
  virtual StepFailure renew() = 0;
  // Descriptors the zygote needs for it, beside ctl.
  virtual std::vector<int> namespaces() const = 0;
  // Init is there: lets it in and sends its SandboxSetup over `ctl`.
  virtual StepFailure admit(pid_t init, int ctl, const DiskBounds& disk) = 0;
  // Sets the limits of the run to come, and those that it sets itself.
  virtual StepFailure limit(const model::Limits& limits, RunGo& go) = 0;
  // Ends everything, init too.
  virtual void end(pid_t init) = 0;
  // What the run has used. cpu_us is -1 where init measures it.
  virtual GroupUse use() const = 0;
  // Whether no process and no file is left, once init is gone.
  virtual bool empty() const = 0;
  virtual void kill_all() const = 0;
  // Whether, the run being over, nothing is left but what the sandbox itself is made of, and that
  // is nobody's business.
  virtual bool is_over(pid_t init) const = 0;
};

// CPU time past which a run is ended. Without a CPU limit of its own the wall limit and the quota
// bound it already; a second more keeps the two from racing for the verdict.
double cpu_bound_s(const model::Limits& limits);
DiskBounds disk_of(const model::Limits& limits);

// host: namespaces and cgroups. `user`: outside, of this slot.
struct NamespaceParts {
  std::uint32_t user;
  const SlotNamespaces& namespaces;
  CgroupSlot& cgroup;
  const ControllerPlaces& places;
  bool time_namespace;
};
std::unique_ptr<Keeper> keep_in_namespaces(const NamespaceParts& parts);

// container: a folder, and an init that watches. `user`: of this slot, when there is one.
struct WatchParts {
  std::optional<std::uint32_t> user;
  Scratch& scratch;
};
std::unique_ptr<Keeper> keep_by_watching(const WatchParts& parts);

}  // namespace mecapy::sandbox
