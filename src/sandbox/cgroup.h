// Control groups: memory, processes and CPU of all processes of a run together, over cgroup v1, v2
// and the hybrid of both (each controller is used where this machine has it).
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "model/limits.h"
#include "sandbox/step.h"

namespace mecapy::sandbox {

enum class Controller : std::uint8_t { memory, pids, cpu, cpuacct };
inline constexpr std::size_t kControllers = 4;

// Where one controller's groups can be made; version 0: nowhere, and `why`.
struct ControllerPlace {
  int version = 0;
  std::string folder{};  // of this process's own group
  std::string why{};
};
using ControllerPlaces = std::array<ControllerPlace, kControllers>;

// The name of systemd's unit that the v2 group `folder` is or is part of, when that is a service or
// scope that was not delegated; empty when there is none. systemd ends such a unit when a process
// in it is killed for memory (systemd.service(5), OOMPolicy=), the platform with its first hungry
// run. It leaves the scopes of login sessions alone.
std::string undelegated_unit(const std::string& folder);

// Reads /proc/self/cgroup and /proc/self/mountinfo. On v2 cpuacct is cpu.stat, in every group.
ControllerPlaces find_controllers();

// What a group has counted: CPU time since limit(), the rest since renew().
struct GroupUse {
  std::int64_t oom_kills = 0;
  std::int64_t pids_refused = 0;
  std::int64_t cpu_us = -1;  // -1: not measured here
  std::int64_t peak_memory_bytes = 0;
};

// The group of one slot, one folder per hierarchy, used again by run after run.
class CgroupSlot {
 public:
  explicit CgroupSlot(std::vector<std::string> folders) : folders_(std::move(folders)) {}
  // Makes it as new, with the default limits. The group is empty.
  StepFailure renew(const ControllerPlaces& places);
  // The cgroup.procs or, on v1, the tasks of each folder, open for writing: a process of one thread
  // joins by writing "0" to all. The kernel asks for the permissions of whoever opened them
  // (Linux 5.16, stable since 5.10).
  std::vector<int> doors() const;
  // Sets the limits of the run to come, and takes the CPU time used so far as spent before it.
  StepFailure limit(const model::Limits& limits);
  // Takes the CPU quota away: its processes are to be killed.
  void let_die();
  GroupUse use() const;
  bool empty() const;
  // Whether `pid` is in it and no other process.
  bool holds_only(pid_t pid) const;
  void kill_all() const;
  void remove() const;

 private:
  StepFailure open(const ControllerPlaces& places);
  StepFailure remake(const std::string& path);
  StepFailure close_and_remake(const ControllerPlaces& places);
  StepFailure limit_memory(std::int64_t bytes);
  StepFailure limit_pids(std::int64_t tasks);
  StepFailure limit_cpu(double cpus);
  GroupUse counters() const;
  std::int64_t cpu_us() const;  // -1: not measured here
  int folder(Controller c) const { return files_[static_cast<std::size_t>(c)].get(); }
  int version(Controller c) const { return versions_[static_cast<std::size_t>(c)]; }

  std::vector<std::string> folders_;  // distinct folders
  std::array<base::Fd, kControllers> files_;
  std::array<int, kControllers> versions_{};
  std::vector<base::Fd> doors_;
  std::int64_t memory_bytes_ = 0;
  std::int64_t tasks_ = 0;
  double cpus_ = 0;
  GroupUse before_;
};

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
