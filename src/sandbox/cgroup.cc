#include "sandbox/cgroup.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <sstream>

#include "base/clock.h"
#include "sandbox/kernel_file.h"

namespace mecapy::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "mecapy-";
constexpr std::int64_t kCpuPeriodUs = 100'000;
constexpr std::chrono::seconds kStaleDeadline{10};
constexpr int kMostMoves = 100;  // a group whose processes fork as fast as they are moved

// 0 stands for a process of another pid namespace (cgroups(7)): to be counted, not to be named.
std::vector<pid_t> members(const std::string& folder) {
  std::istringstream stream(read_text(AT_FDCWD, (folder + "/cgroup.procs").c_str()).value_or(""));
  std::vector<pid_t> pids;
  for (pid_t pid = 0; stream >> pid;) pids.push_back(pid);
  return pids;
}

void kill_members(const std::string& folder) {
  for (const pid_t pid : members(folder)) {
    if (pid > 0) ::kill(pid, SIGKILL);
  }
}

// Kills what is left in `folder` and removes it; false while something is still dying.
bool remove_group(const std::string& folder) {
  (void)write_text(AT_FDCWD, (folder + "/cpu.cfs_quota_us").c_str(), "-1");
  (void)write_text(AT_FDCWD, (folder + "/cpu.max").c_str(), "max");
  kill_members(folder);
  return ::rmdir(folder.c_str()) == 0 || errno == ENOENT;
}

bool remove_with_children(const std::string& folder) {
  std::error_code ignored;
  for (const auto& child : fs::directory_iterator(folder, ignored)) {
    if (child.is_directory(ignored)) (void)remove_group(child.path());
  }
  return remove_group(folder);
}

// The groups below `own` of supervisors that were killed before they could tidy up.
std::vector<std::string> stale_groups(const std::string& own) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(own, ignored)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kPrefix)) continue;
    const pid_t pid = static_cast<pid_t>(std::atoi(name.c_str() + kPrefix.size()));
    if (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH) found.push_back(entry.path());
  }
  return found;
}

bool make_folder(const std::string& path) {
  return ::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST;
}

// Whether `path` is a group of ours below the controller's `folder`.
bool is_below(const std::string& path, const std::string& folder) {
  return path.starts_with(folder + "/" + std::string(kPrefix));
}

std::string controllers_at(const ControllerPlaces& places, const std::string& folder) {
  constexpr std::array<const char*, 3> kWords = {"+memory ", "+pids ", "+cpu "};
  std::string words;
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (places[i].version == 2 && places[i].folder == folder) words += kWords[i];
  }
  return words;
}

// Moves the processes of `own`, if it holds any, to its leaf.
StepFailure make_room(const std::string& own) {
  const std::vector<pid_t> pids = members(own);
  const std::string leaf = own + "/mecapy-main";
  if (!pids.empty() && !make_folder(leaf)) return failed("make the cgroup mecapy-main");
  for (const pid_t pid : pids) {
    if (pid == 0) continue;
    const bool moved = write_text(AT_FDCWD, (leaf + "/cgroup.procs").c_str(), std::to_string(pid));
    if (!moved && errno != ESRCH) return failed("move into the cgroup mecapy-main");
  }
  return {};
}

// The root of the machine may hold processes and hand on controllers; it alone has no type.
bool is_root(const std::string& group) {
  return ::access((group + "/cgroup.type").c_str(), F_OK) != 0;
}

// Where a process of one thread joins the group. On v1 it can join alone, which takes no lock of
// the whole machine (cgroup_procs_write_start, Linux 5.4); the other way waits for an RCU grace
// period whenever nobody has joined any group of late.
const char* door_of(const std::string& group) {
  constexpr const char* kTasks = "/tasks";
  return ::access((group + kTasks).c_str(), F_OK) == 0 ? kTasks : "/cgroup.procs";
}

// Whether making a group failed because this process may make none.
bool is_refused(int error) { return error == EROFS || error == EACCES || error == EPERM; }

}  // namespace

StepFailure delegate(const std::string& own, const std::string& controllers) {
  const std::string file = own + "/cgroup.subtree_control";
  for (int moves = 0; moves < kMostMoves; ++moves) {
    // Also where the kernel would not refuse: to hand on pids and cpu alone while there are
    // processes makes `own` a threaded domain, in which no group of ours can be one of processes.
    if (!is_root(own)) {
      if (const StepFailure step = make_room(own)) return step;
    }
    if (write_text(AT_FDCWD, file.c_str(), controllers)) return {};
    if (errno != EBUSY) break;
  }
  return failed("hand cgroup controllers to children");
}

StepFailure CgroupSlot::open(const ControllerPlaces& places) {
  doors_.clear();
  for (const std::string& path : folders_) {
    doors_.emplace_back(::open((path + door_of(path)).c_str(), O_WRONLY | O_CLOEXEC));
    if (!doors_.back()) return failed("open a cgroup");
  }
  for (std::size_t i = 0; i < kControllers; ++i) {
    versions_[i] = places[i].version;
    if (places[i].version == 0) continue;
    for (const std::string& path : folders_) {
      if (!is_below(path, places[i].folder)) continue;
      files_[i] = base::Fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      if (!files_[i]) return failed("open a cgroup");
    }
  }
  return {};
}

// memory.limit_in_bytes may never be above memory.memsw.limit_in_bytes, so the order depends on the
// direction (Documentation/admin-guide/cgroup-v1/memory.rst); the second is absent without swap.
StepFailure CgroupSlot::limit_memory(std::int64_t bytes) {
  const int at = folder(Controller::memory);
  const std::string text = std::to_string(bytes);
  if (version(Controller::memory) == 2) {
    if (!write_text(at, "memory.max", text)) return failed("memory.max");
    if (!write_text(at, "memory.swap.max", "0") && errno != ENOENT)
      return failed("memory.swap.max");
    if (!write_text(at, "memory.oom.group", "1")) return failed("memory.oom.group");
    return {};
  }
  const bool swap = ::faccessat(at, "memory.memsw.limit_in_bytes", F_OK, 0) == 0;
  if (swap && !write_text(at, "memory.memsw.limit_in_bytes", "-1")) return failed("memory.memsw");
  if (!write_text(at, "memory.limit_in_bytes", text)) return failed("memory.limit_in_bytes");
  if (swap && !write_text(at, "memory.memsw.limit_in_bytes", text)) return failed("memory.memsw");
  // Also where swap is not counted: a group at its limit is then not swapped out.
  if (!write_text(at, "memory.swappiness", "0")) return failed("memory.swappiness");
  return {};
}

StepFailure CgroupSlot::limit_pids(std::int64_t tasks) {
  if (write_text(folder(Controller::pids), "pids.max", std::to_string(tasks))) return {};
  return failed("pids.max");
}

StepFailure CgroupSlot::limit_cpu(double cpus) {
  const std::string quota = std::to_string(std::llround(cpus * kCpuPeriodUs));
  const int at = folder(Controller::cpu);
  if (version(Controller::cpu) == 2) {
    if (write_text(at, "cpu.max", quota + " " + std::to_string(kCpuPeriodUs))) return {};
    return failed("cpu.max");
  }
  if (write_text(at, "cpu.cfs_quota_us", quota)) return {};
  return failed("cpu.cfs_quota_us");
}

// A new folder of the memory controller for each run. What the kernel still holds for the last one
// (dentries, page cache) goes to the parent with the old folder: charged to the next run, it would
// count against its limit, and lowering the limit would wait for it to be reclaimed. On v2 the peak
// and the events count from the folder's birth, too (memory.peak can be reset only since
// Linux 6.12).
StepFailure CgroupSlot::remake(const std::string& path) {
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) return failed("renew a slot's cgroup");
  if (!make_folder(path)) return failed("renew a slot's cgroup");
  return {};
}

StepFailure CgroupSlot::close_and_remake(const ControllerPlaces& places) {
  const ControllerPlace& memory = places[static_cast<std::size_t>(Controller::memory)];
  doors_.clear();
  for (base::Fd& file : files_) file.reset();
  memory_bytes_ = 0;
  for (const std::string& path : folders_) {
    if (memory.version == 0 || !is_below(path, memory.folder)) continue;
    if (memory.version == 2) tasks_ = 0, cpus_ = 0;
    if (const StepFailure step = remake(path)) return step;
  }
  return {};
}

StepFailure CgroupSlot::renew(const ControllerPlaces& places) {
  if (!doors_.empty()) {
    if (const StepFailure step = close_and_remake(places)) return step;
  }
  if (doors_.empty() && !folders_.empty()) {
    if (const StepFailure step = open(places)) return step;
  }
  if (const StepFailure step = limit(model::Limits{})) return step;
  before_ = counters();
  return {};
}

StepFailure CgroupSlot::limit(const model::Limits& limits) {
  const auto bytes = static_cast<std::int64_t>(limits.memory_mb * 1024 * 1024);
  const auto tasks = static_cast<std::int64_t>(limits.processes) + 1;  // init counts
  if (folder(Controller::memory) >= 0 && bytes != memory_bytes_) {
    if (const StepFailure step = limit_memory(bytes)) return step;
    memory_bytes_ = bytes;
  }
  if (folder(Controller::pids) >= 0 && tasks != tasks_) {
    if (const StepFailure step = limit_pids(tasks)) return step;
    tasks_ = tasks;
  }
  if (folder(Controller::cpu) >= 0 && limits.cpus != cpus_) {
    if (const StepFailure step = limit_cpu(limits.cpus)) return step;
    cpus_ = limits.cpus;
  }
  before_.cpu_us = cpu_us();
  return {};
}

// A dying process needs CPU time, too: a quota would make its end as slow as its life.
void CgroupSlot::let_die() {
  const int at = folder(Controller::cpu);
  if (at < 0) return;
  const bool v2 = version(Controller::cpu) == 2;
  (void)write_text(at, v2 ? "cpu.max" : "cpu.cfs_quota_us", v2 ? "max" : "-1");
  cpus_ = 0;
}

std::vector<int> CgroupSlot::doors() const {
  std::vector<int> fds;
  for (const base::Fd& door : doors_) fds.push_back(door.get());
  return fds;
}

std::int64_t CgroupSlot::cpu_us() const {
  const int at = folder(Controller::cpuacct);
  if (version(Controller::cpuacct) == 1) {
    const auto ns = read_number(at, "cpuacct.usage");
    return ns ? *ns / 1000 : -1;
  }
  if (version(Controller::cpuacct) == 2) {
    return read_keyed(at, "cpu.stat", "usage_usec").value_or(-1);
  }
  return -1;
}

GroupUse CgroupSlot::counters() const {
  GroupUse use;
  const int memory = folder(Controller::memory);
  if (version(Controller::memory) == 1) {
    use.oom_kills = read_keyed(memory, "memory.oom_control", "oom_kill").value_or(0);
    use.peak_memory_bytes = read_number(memory, "memory.max_usage_in_bytes").value_or(0);
  } else if (version(Controller::memory) == 2) {
    use.oom_kills = read_keyed(memory, "memory.events", "oom_kill").value_or(0);
    use.peak_memory_bytes = read_number(memory, "memory.peak").value_or(0);
  }
  if (version(Controller::pids) != 0) {
    use.pids_refused = read_keyed(folder(Controller::pids), "pids.events", "max").value_or(0);
  }
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
  return std::ranges::all_of(folders_, [](const std::string& f) { return members(f).empty(); });
}

bool CgroupSlot::holds_only(pid_t pid) const {
  return !folders_.empty() && members(folders_.front()) == std::vector<pid_t>{pid};
}

void CgroupSlot::kill_all() const {
  for (const std::string& path : folders_) {
    if (write_text(AT_FDCWD, (path + "/cgroup.kill").c_str(), "1"))
      continue;  // v2 since Linux 5.14
    kill_members(path);
  }
}

void CgroupSlot::remove() const {
  for (const std::string& path : folders_) ::rmdir(path.c_str());
}

void remove_stale_cgroups() {
  const base::Deadline deadline = base::after(kStaleDeadline);
  bool left = true;
  while (left && std::chrono::steady_clock::now() < deadline) {
    left = false;
    for (const ControllerPlace& place : find_controllers()) {
      if (place.version == 0) continue;
      for (const std::string& group : stale_groups(place.folder)) {
        left = !remove_with_children(group) || left;
      }
    }
    if (left) ::poll(nullptr, 0, 5);
  }
}

// One parent per hierarchy.
StepFailure CgroupTree::add_parent(ControllerPlace& place, const std::string& parent) {
  if (!make_folder(parent)) {
    if (!is_refused(errno)) return failed("make a cgroup");
    place = {0, place.folder, "no group can be made below " + place.folder};
    return {};
  }
  parents_.push_back(parent);
  const std::string words = controllers_at(places_, place.folder);
  if (words.empty()) return {};
  if (const StepFailure step = delegate(place.folder, words)) return step;
  return delegate(parent, words);
}

StepFailure CgroupTree::make(int slots, std::unique_ptr<CgroupTree>& tree) {
  tree.reset(new CgroupTree());
  tree->places_ = find_controllers();
  const std::string name = std::string(kPrefix) + std::to_string(::getpid());
  for (ControllerPlace& place : tree->places_) {
    if (place.version == 0) continue;
    const std::string parent = place.folder + "/" + name;
    if (std::ranges::find(tree->parents_, parent) != tree->parents_.end()) continue;
    if (const StepFailure step = tree->add_parent(place, parent)) return step;
  }
  for (int k = 0; k < slots; ++k) {
    std::vector<std::string> folders;
    for (const std::string& parent : tree->parents_) {
      folders.push_back(parent + "/slot-" + std::to_string(k));
      if (!make_folder(folders.back())) return failed("make a slot's cgroup");
    }
    tree->slots_.emplace_back(std::move(folders));
  }
  return {};
}

CgroupTree::~CgroupTree() {
  for (const CgroupSlot& slot : slots_) slot.remove();
  for (const std::string& parent : parents_) ::rmdir(parent.c_str());
}

}  // namespace mecapy::sandbox
