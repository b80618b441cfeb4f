#include "sandbox/cgroup.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>

#include "base/clock.h"
#include "sandbox/kernel_file.h"

namespace mecapy::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kStaleDeadline{10};
constexpr int kMostMoves = 100;  // a group whose processes fork as fast as they are moved

std::vector<pid_t> members(const std::string& folder) {
  return members_of(AT_FDCWD, folder + "/cgroup.procs");
}

// Kills what is left in `folder` and removes it; false while something is still dying.
bool remove_group(const std::string& folder) {
  (void)write_text(AT_FDCWD, (folder + "/cpu.cfs_quota_us").c_str(), "-1");
  (void)write_text(AT_FDCWD, (folder + "/cpu.max").c_str(), "max");
  kill_members(members(folder));
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
    if (!name.starts_with(kGroupPrefix)) continue;
    const pid_t pid = static_cast<pid_t>(std::atoi(name.c_str() + kGroupPrefix.size()));
    if (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH) found.push_back(entry.path());
  }
  return found;
}

bool make_folder(const std::string& path) {
  return ::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST;
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

// Whether making a group failed because this process may make none.
bool is_refused(int error) { return error == EROFS || error == EACCES || error == EPERM; }

}  // namespace

// /proc/swaps has a heading.
bool bounds_swap(const std::string& group) {
  if (::access((group + "/memory.swap.max").c_str(), F_OK) == 0) return true;
  const std::string swaps = read_text(AT_FDCWD, "/proc/swaps").value_or("");
  return std::ranges::count(swaps, '\n') <= 1;
}

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
  const std::string name = std::string(kGroupPrefix) + std::to_string(::getpid());
  for (ControllerPlace& place : tree->places_) {
    if (place.version == 0) continue;
    const std::string parent = place.folder + "/" + name;
    if (std::ranges::find(tree->parents_, parent) != tree->parents_.end()) continue;
    if (const StepFailure step = tree->add_parent(place, parent)) return step;
  }
  const ControllerPlace& memory = tree->places_[static_cast<std::size_t>(Controller::memory)];
  if (memory.version == 2 && !bounds_swap(memory.folder + "/" + name)) {
    return failed("bound swap (memory.swap.max)", ENOENT);
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
