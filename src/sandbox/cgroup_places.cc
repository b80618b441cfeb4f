// Where each controller of this process lives: cgroups(7), proc_pid_mountinfo(5).
#include <fcntl.h>
#include <sys/xattr.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <vector>

#include "sandbox/cgroup_places.h"
#include "sandbox/kernel_file.h"

namespace mecapy::sandbox {
namespace {

struct Mount {
  std::string root;   // the part of the hierarchy that is mounted
  std::string point;  // where
};

constexpr std::array<const char*, kControllers> kNames = {"memory", "pids", "cpu", "cpuacct"};

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, by);) parts.push_back(part);
  return parts;
}

bool contains(const std::string& list, char by, const std::string& word) {
  const auto parts = split(list, by);
  return std::find(parts.begin(), parts.end(), word) != parts.end();
}

// "36 35 0:31 /root /sys/fs/cgroup/memory rw,... - cgroup cgroup rw,memory"; v2 under the key "".
std::map<std::string, Mount> cgroup_mounts() {
  std::map<std::string, Mount> mounts;
  const std::string text = read_text(AT_FDCWD, "/proc/self/mountinfo").value_or("");
  for (const std::string& line : split(text, '\n')) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const auto before = split(line.substr(0, dash), ' ');
    const auto after = split(line.substr(dash + 3), ' ');
    if (before.size() < 5 || after.size() < 3) continue;
    const Mount mount{before[3], before[4]};
    if (after[0] == "cgroup2") mounts.emplace("", mount);
    if (after[0] != "cgroup") continue;
    for (const char* name : kNames) {
      if (contains(after[2], ',', name)) mounts.emplace(name, mount);
    }
  }
  return mounts;
}

// The folder of group `path` below `mount`; in a container the mount may start at the group itself.
std::string folder_of(const Mount& mount, std::string path) {
  if (mount.root != "/" && path.starts_with(mount.root)) path.erase(0, mount.root.size());
  std::string folder = mount.point + path;
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  return folder;
}

// Processes that had to make room once (delegate) sit in the leaf; groups are made beside it.
std::string above_leaf(const std::string& folder) {
  constexpr std::string_view kLeaf = "/mecapy-main";
  return folder.ends_with(kLeaf) ? folder.substr(0, folder.size() - kLeaf.size()) : folder;
}

// What systemd says of a unit that it leaves alone (CGROUP_DELEGATION.md).
bool is_delegated(const std::string& folder) {
  for (const char* name : {"user.delegate", "trusted.delegate"}) {
    char value = 0;
    if (::getxattr(folder.c_str(), name, &value, 1) == 1 && value == '1') return true;
  }
  return false;
}

ControllerPlace place_of(const std::string& name, const std::map<std::string, Mount>& mounts,
                         const std::vector<std::string>& lines) {
  ControllerPlace place;
  place.why = "no cgroup hierarchy with the " + name + " controller is mounted";
  for (const std::string& line : lines) {  // "4:memory:/path" or "0::/path"
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string list = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (const auto v1 = mounts.find(name); v1 != mounts.end() && contains(list, ',', name)) {
      return {1, folder_of(v1->second, path), ""};
    }
    const auto v2 = mounts.find("");
    if (!list.empty() || v2 == mounts.end()) continue;
    const std::string folder = above_leaf(folder_of(v2->second, path));
    if (const std::string unit = undelegated_unit(folder); !unit.empty()) {
      place.why =
          unit + " of systemd is not delegated: systemd may end it all with the first run " +
          "that is out of memory. Set Delegate=yes in the unit, or start by systemd-run -p " +
          "Delegate=yes";
      continue;
    }
    const std::string offered =
        read_text(AT_FDCWD, (folder + "/cgroup.controllers").c_str()).value_or("");
    // Every v2 group counts its CPU time, whatever controllers it is given (cgroup-v2.rst,
    // cpu.stat).
    if (name == "cpuacct" || contains(offered.substr(0, offered.find('\n')), ' ', name)) {
      place = {2, folder, ""};
    } else {
      place.why = "the " + name + " controller is not given to " + folder;
    }
  }
  return place;
}

}  // namespace

std::string undelegated_unit(const std::string& folder) {
  std::string path = folder;
  while (!path.empty()) {
    const std::size_t slash = path.rfind('/');
    const std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
    const bool session = name.starts_with("session-") && name.ends_with(".scope");
    if (session || name == "init.scope") return {};
    if (name.ends_with(".service") || name.ends_with(".scope")) {
      return is_delegated(path) ? "" : name;
    }
    path.erase(slash == std::string::npos ? 0 : slash);
  }
  return {};
}

ControllerPlaces find_controllers() {
  const auto mounts = cgroup_mounts();
  const auto lines = split(read_text(AT_FDCWD, "/proc/self/cgroup").value_or(""), '\n');
  ControllerPlaces places;
  for (std::size_t i = 0; i < kControllers; ++i) places[i] = place_of(kNames[i], mounts, lines);
  return places;
}

}  // namespace mecapy::sandbox
