#include "cpu_time.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace mecapy::bench {
namespace {

struct Stat {
  pid_t parent = 0;
  std::int64_t ticks = 0;  // utime stime cutime cstime
};

// proc_pid_stat(5): the name in brackets may hold anything, the fields count from behind it.
Stat read_stat(const std::filesystem::path& folder) {
  std::ifstream file(folder / "stat");
  std::string line;
  std::getline(file, line);
  std::istringstream fields(
      line.substr(line.rfind(')') == std::string::npos ? line.size() : line.rfind(')') + 1));
  Stat stat;
  std::string word;
  fields >> word >> stat.parent;                 // state, ppid
  for (int i = 5; i <= 13; ++i) fields >> word;  // pgrp ... cmajflt
  for (int i = 0; i < 4; ++i) {
    std::int64_t ticks = 0;
    fields >> ticks;
    stat.ticks += ticks;
  }
  return stat;
}

// All processes, by pid; one that ends meanwhile is left out.
std::map<pid_t, Stat> all_processes() {
  std::map<pid_t, Stat> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = static_cast<pid_t>(std::atoi(entry.path().filename().c_str()));
    if (pid <= 0) continue;
    const Stat stat = read_stat(entry.path());
    if (stat.parent > 0) found[pid] = stat;
  }
  return found;
}

std::int64_t used_by(__rusage_who who) {
  rusage use{};
  ::getrusage(who, &use);
  return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * std::int64_t{1'000'000} +
         use.ru_utime.tv_usec + use.ru_stime.tv_usec;
}

}  // namespace

std::vector<pid_t> own_children() {
  std::vector<pid_t> children;
  for (const auto& [pid, stat] : all_processes()) {
    if (stat.parent == ::getpid()) children.push_back(pid);
  }
  return children;
}

std::int64_t tree_cpu_us(pid_t root) {
  const std::map<pid_t, Stat> processes = all_processes();
  std::int64_t ticks = 0;
  for (const auto& [pid, stat] : processes) {
    pid_t at = pid;
    while (at != root && processes.contains(at)) at = processes.at(at).parent;
    if (at == root) ticks += stat.ticks;
  }
  return ticks * 1'000'000 / ::sysconf(_SC_CLK_TCK);
}

// proc_stat(5), first line: user nice system idle iowait irq softirq steal.
std::int64_t machine_cpu_us() {
  std::ifstream file("/proc/stat");
  std::string word;
  file >> word;
  std::int64_t busy = 0;
  for (int i = 0; i < 8; ++i) {
    std::int64_t ticks = 0;
    file >> ticks;
    if (i != 3 && i != 4) busy += ticks;
  }
  return busy * 1'000'000 / ::sysconf(_SC_CLK_TCK);
}

std::int64_t own_cpu_us() { return used_by(RUSAGE_SELF); }

std::int64_t ended_children_cpu_us() { return used_by(RUSAGE_CHILDREN); }

}  // namespace mecapy::bench
