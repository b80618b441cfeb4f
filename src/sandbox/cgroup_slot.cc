#include "sandbox/cgroup_slot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <sstream>

namespace mecapy::sandbox {
namespace {

constexpr std::int64_t kCpuPeriodUs = 100'000;
constexpr std::int64_t kSoonFreed = 128 << 20;
constexpr std::array<Controller, kControllers> kAll = {Controller::memory, Controller::pids,
                                                       Controller::cpu, Controller::cpuacct};

// Whether `path` is a group of ours below the controller's `folder`.
bool is_below(const std::string& path, const std::string& folder) {
  return path.starts_with(folder + "/" + std::string(kGroupPrefix));
}

// Where a process of one thread joins the group. On v1 it can join alone, which takes no lock of
// the whole machine (cgroup_procs_write_start, Linux 5.4); the other way waits for an RCU grace
// period whenever nobody has joined any group of late.
base::Fd open_door(int folder) {
  base::Fd tasks(::openat(folder, "tasks", O_WRONLY | O_CLOEXEC));
  if (tasks || errno != ENOENT) return tasks;
  return base::Fd(::openat(folder, "cgroup.procs", O_WRONLY | O_CLOEXEC));
}

}  // namespace

std::vector<pid_t> members_of(int folder, const std::string& procs) {
  std::istringstream stream(read_text(folder, procs.c_str()).value_or(""));
  std::vector<pid_t> pids;
  for (pid_t pid = 0; stream >> pid;) pids.push_back(pid);
  return pids;
}

void kill_members(const std::vector<pid_t>& pids) {
  for (const pid_t pid : pids) {
    if (pid > 0) ::kill(pid, SIGKILL);
  }
}

CgroupSlot::CgroupSlot(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) groups_.push_back({folder});
}

StepFailure CgroupSlot::open(Group& group) {
  group.folder = base::Fd(::open(group.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!group.folder) return failed("open a cgroup");
  group.door = open_door(group.folder.get());
  if (!group.door) return failed("open a cgroup");
  for (const Controller c : kAll) {
    if (part(c) && part(c).group == &group) open_files(c);
  }
  return {};
}

// A count that is not there is none: memory.peak, before Linux 5.19.
void CgroupSlot::open_files(Controller c) {
  const int at = part(c).folder();
  const bool v2 = part(c).version == 2;
  switch (c) {
    case Controller::memory:
      oom_kills_ = {at, v2 ? "memory.events" : "memory.oom_control", O_RDONLY};
      peak_memory_ = {at, v2 ? "memory.peak" : "memory.max_usage_in_bytes", O_RDONLY};
      return;
    case Controller::pids:
      pids_refused_ = {at, "pids.events", O_RDONLY};
      return;
    case Controller::cpu:
      cpu_quota_ = {at, v2 ? "cpu.max" : "cpu.cfs_quota_us", O_WRONLY};
      return;
    case Controller::cpuacct:
      cpu_time_ = {at, v2 ? "cpu.stat" : "cpuacct.usage", O_RDONLY};
      return;
  }
}

StepFailure CgroupSlot::open(const ControllerPlaces& places) {
  for (const Controller c : kAll) {
    const ControllerPlace& place = places[static_cast<std::size_t>(c)];
    const auto group = std::ranges::find_if(
        groups_, [&](const Group& g) { return is_below(g.path, place.folder); });
    if (place.version != 0 && group != groups_.end()) part(c) = {place.version, &*group};
  }
  for (Group& group : groups_) {
    if (const StepFailure step = open(group)) return step;
  }
  return {};
}

// A new folder of the memory controller for each run. What the kernel still holds for the last one
// (dentries, page cache) goes to the parent with the old folder: charged to the next run, it would
// count against its limit, and lowering the limit would wait for it to be reclaimed. On v2 the peak
// and the events count from the folder's birth, too (memory.peak can be reset only since
// Linux 6.12).
StepFailure CgroupSlot::renew_group(Group& group) {
  if (::rmdir(group.path.c_str()) != 0 && errno != ENOENT) return failed("renew a slot's cgroup");
  if (::mkdir(group.path.c_str(), 0755) != 0 && errno != EEXIST) {
    return failed("renew a slot's cgroup");
  }
  if (part(Controller::memory).version == 2) tasks_ = 0, cpus_ = 0;
  memory_bytes_ = 0;
  return open(group);
}

StepFailure CgroupSlot::renew_groups(const ControllerPlaces& places) {
  if (!open_) {
    const StepFailure step = open(places);
    open_ = !step;
    return step;
  }
  const Part& memory = part(Controller::memory);
  return memory ? renew_group(*memory.group) : StepFailure{};
}

StepFailure CgroupSlot::renew(const ControllerPlaces& places) {
  if (const StepFailure step = renew_groups(places)) return step;
  if (const StepFailure step = limit(model::Limits{})) return step;
  before_ = counters();
  return {};
}

// memory.limit_in_bytes may never be above memory.memsw.limit_in_bytes, so the order depends on the
// direction (Documentation/admin-guide/cgroup-v1/memory.rst); the second is absent without swap.
StepFailure CgroupSlot::limit_memory(std::int64_t bytes) {
  const int at = part(Controller::memory).folder();
  const std::string text = std::to_string(bytes);
  if (part(Controller::memory).version == 2) {
    if (!write_text(at, "memory.max", text)) return failed("memory.max");
    if (!write_text(at, "memory.swap.max", "0") && errno != ENOENT)
      return failed("memory.swap.max");
    if (!write_text(at, "memory.oom.group", "1")) return failed("memory.oom.group");
    return {};
  }
  const KernelFile both(at, "memory.memsw.limit_in_bytes", O_WRONLY);
  if (!both && errno != ENOENT) return failed("memory.memsw");
  if (both && memory_bytes_ != 0 && !both.write("-1")) return failed("memory.memsw");
  if (!write_text(at, "memory.limit_in_bytes", text)) return failed("memory.limit_in_bytes");
  if (both && !both.write(text)) return failed("memory.memsw");
  // Also where swap is not counted: a group at its limit is then not swapped out.
  if (!write_text(at, "memory.swappiness", "0")) return failed("memory.swappiness");
  return {};
}

StepFailure CgroupSlot::limit_pids(std::int64_t tasks) {
  if (write_text(part(Controller::pids).folder(), "pids.max", std::to_string(tasks))) return {};
  return failed("pids.max");
}

StepFailure CgroupSlot::limit_cpu(double cpus) {
  const std::string quota = std::to_string(std::llround(cpus * kCpuPeriodUs));
  const bool v2 = part(Controller::cpu).version == 2;
  if (cpu_quota_.write(v2 ? quota + " " + std::to_string(kCpuPeriodUs) : quota)) return {};
  return failed(v2 ? "cpu.max" : "cpu.cfs_quota_us");
}

StepFailure CgroupSlot::limit(const model::Limits& limits) {
  const auto bytes = static_cast<std::int64_t>(limits.memory_mb * 1024 * 1024);
  const auto tasks = static_cast<std::int64_t>(limits.processes) + kOwnProcesses;
  if (part(Controller::memory) && bytes != memory_bytes_) {
    if (const StepFailure step = limit_memory(bytes)) return step;
    memory_bytes_ = bytes;
  }
  if (part(Controller::pids) && tasks != tasks_) {
    if (const StepFailure step = limit_pids(tasks)) return step;
    tasks_ = tasks;
  }
  if (part(Controller::cpu) && limits.cpus != cpus_) {
    if (const StepFailure step = limit_cpu(limits.cpus)) return step;
    cpus_ = limits.cpus;
  }
  before_.cpu_us = cpu_us();
  return {};
}

// A dying process needs CPU time, too: a quota would make its end as slow as its life.
void CgroupSlot::let_die() {
  if (!part(Controller::cpu) || cpus_ == 0) return;
  (void)cpu_quota_.write(part(Controller::cpu).version == 2 ? "max" : "-1");
  cpus_ = 0;
}

std::vector<int> CgroupSlot::doors() const {
  std::vector<int> fds;
  for (const Group& group : groups_) fds.push_back(group.door.get());
  return fds;
}

std::int64_t CgroupSlot::cpu_us() const {
  if (!part(Controller::cpuacct)) return -1;
  if (part(Controller::cpuacct).version == 2) return cpu_time_.keyed("usage_usec").value_or(-1);
  const auto ns = cpu_time_.number();
  return ns ? *ns / 1000 : -1;
}

GroupUse CgroupSlot::counters() const {
  GroupUse use;
  if (part(Controller::memory)) {
    use.oom_kills = oom_kills_.keyed("oom_kill").value_or(0);
    use.peak_memory_bytes = peak_memory_.number().value_or(0);
  }
  if (part(Controller::pids)) use.pids_refused = pids_refused_.keyed("max").value_or(0);
  use.cpu_us = cpu_us();
  return use;
}

GroupUse CgroupSlot::use() const {
  GroupUse now = counters();
  now.oom_kills -= before_.oom_kills;
  now.pids_refused -= before_.pids_refused;
  if (now.cpu_us >= 0 && before_.cpu_us >= 0) now.cpu_us -= before_.cpu_us;
  return now;
}

bool CgroupSlot::empty() const {
  return std::ranges::all_of(groups_,
                             [](const Group& g) { return members_of(g.folder.get()).empty(); });
}

bool CgroupSlot::is_over(pid_t init) const {
  if (groups_.empty() || peak_memory_.number().value_or(0) > kSoonFreed) return false;
  const std::vector<pid_t> left = members_of(groups_.front().folder.get());
  return left.size() <= kOwnProcesses && std::ranges::find(left, init) != left.end();
}

void CgroupSlot::kill_all() const {
  for (const Group& group : groups_) {
    const int at = group.folder.get();
    if (!write_text(at, "cgroup.kill", "1")) kill_members(members_of(at));  // v2, Linux 5.14
  }
}

void CgroupSlot::remove() const {
  for (const Group& group : groups_) ::rmdir(group.path.c_str());
}

}  // namespace mecapy::sandbox
