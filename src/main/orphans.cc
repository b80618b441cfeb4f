#include "main/orphans.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <string>
#include <vector>

namespace mecapy::main {
namespace {

// proc_pid_task_tid_children(5)
std::vector<pid_t> children() {
  const std::string self = std::to_string(::getpid());
  std::ifstream file("/proc/" + self + "/task/" + self + "/children");
  std::vector<pid_t> pids;
  for (pid_t pid = 0; file >> pid;) pids.push_back(pid);
  return pids;
}

}  // namespace

void Orphans::adopt() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

bool Orphans::tend(std::span<const pid_t> own, Time now) {
  std::map<pid_t, Time> left;
  for (const pid_t pid : children()) {
    if (std::ranges::find(own, pid) != own.end()) continue;
    if (::waitpid(pid, nullptr, WNOHANG) != 0) continue;
    const auto known = seen_.find(pid);
    const Time since = known == seen_.end() ? now : known->second;
    if (now - since > kGrace) ::kill(pid, SIGKILL);
    left.emplace(pid, since);
  }
  seen_ = std::move(left);
  return !seen_.empty();
}

}  // namespace mecapy::main
