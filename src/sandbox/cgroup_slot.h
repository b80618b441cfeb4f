// The groups of one slot: what bounds, counts and ends all processes of a run together.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "model/limits.h"
#include "sandbox/cgroup_places.h"
#include "sandbox/kernel_file.h"
#include "sandbox/step.h"

namespace mecapy::sandbox {

// Prefix of the names of all groups that a supervisor makes for itself.
inline constexpr std::string_view kGroupPrefix = "mecapy-";

// The processes that the list `procs`, relative to `folder`, names. 0 stands for one of another pid
// namespace (cgroups(7)): to be counted, not to be named.
std::vector<pid_t> members_of(int folder, const std::string& procs = "cgroup.procs");
void kill_members(const std::vector<pid_t>& pids);

// Processes of a sandbox that are not the run's: init and the holder of the run's memory.
inline constexpr std::int64_t kOwnProcesses = 2;

// What a group has counted: CPU time since limit(), the rest since renew().
struct GroupUse {
  std::int64_t oom_kills = 0;
  std::int64_t pids_refused = 0;
  std::int64_t cpu_us = -1;  // -1: not measured here
  std::int64_t peak_memory_bytes = 0;
};

// One folder per hierarchy, used again by run after run. What each run needs stays open.
class CgroupSlot {
 public:
  explicit CgroupSlot(const std::vector<std::string>& folders);
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
  // Whether the processes of a sandbox are left and no others: `init`, and at most the one that
  // holds the run's memory (zygote/memory_holder.h). Not when that is large: who hears of the end
  // starts the next run, which has been granted the memory.
  bool is_over(pid_t init) const;
  void kill_all() const;
  void remove() const;

 private:
  struct Group {
    std::string path;
    base::Fd folder{};
    base::Fd door{};
  };
  // One controller, in the group whose folder it governs.
  struct Part {
    int version = 0;
    Group* group = nullptr;  // version 0: none
    int folder() const { return group->folder.get(); }
    explicit operator bool() const { return version != 0; }
  };

  StepFailure open(const ControllerPlaces& places);
  StepFailure open(Group& group);
  void open_files(Controller c);
  StepFailure renew_group(Group& group);
  StepFailure renew_groups(const ControllerPlaces& places);
  StepFailure limit_memory(std::int64_t bytes);
  StepFailure limit_pids(std::int64_t tasks);
  StepFailure limit_cpu(double cpus);
  GroupUse counters() const;
  std::int64_t cpu_us() const;  // -1: not measured here
  Part& part(Controller c) { return parts_[static_cast<std::size_t>(c)]; }
  const Part& part(Controller c) const { return parts_[static_cast<std::size_t>(c)]; }

  std::vector<Group> groups_;  // of distinct folders
  bool open_ = false;
  std::array<Part, kControllers> parts_;
  KernelFile oom_kills_, peak_memory_, pids_refused_, cpu_time_, cpu_quota_;
  std::int64_t memory_bytes_ = 0;
  std::int64_t tasks_ = 0;
  double cpus_ = 0;
  GroupUse before_;
};

}  // namespace mecapy::sandbox
