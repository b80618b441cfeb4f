#include "sandbox/process_tree.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "sandbox/kernel_file.h"

namespace mecapy::sandbox {
namespace {

std::string folder_of(pid_t pid) { return "/proc/" + std::to_string(pid); }

std::vector<std::int64_t> numbers(const std::string& text) {
  std::vector<std::int64_t> found;
  std::istringstream stream(text);
  for (std::int64_t value = 0; stream >> value;) found.push_back(value);
  return found;
}

// proc_pid_stat(5): what follows the name, which may hold anything, from field 4 on.
std::vector<std::int64_t> stat_of(pid_t pid) {
  const auto text = read_text(AT_FDCWD, (folder_of(pid) + "/stat").c_str());
  const std::size_t name = text ? text->rfind(") ") : std::string::npos;
  if (name == std::string::npos || text->size() < name + 4) return {};
  return numbers(text->substr(name + 4));
}
constexpr std::size_t kUserTime = 14 - 4;
constexpr std::size_t kSystemTime = 15 - 4;
constexpr std::size_t kThreads = 20 - 4;

struct Resident {
  std::int64_t own = 0;
  std::int64_t of_files = 0;
  std::int64_t shared = 0;  // without a file that others see; the zygote's sealed one, too
};

// proc_pid_status(5): a line in kB.
std::int64_t bytes_in(const std::string& text, std::string_view name) {
  const std::size_t line = text.find(name);
  return line == std::string::npos ? 0 : std::atoll(text.c_str() + line + name.size()) * 1024;
}

Resident memory_of(pid_t pid) {
  const std::string text = read_text(AT_FDCWD, (folder_of(pid) + "/status").c_str()).value_or("");
  return {bytes_in(text, "\nRssAnon:"), bytes_in(text, "\nRssFile:"),
          bytes_in(text, "\nRssShmem:")};
}

}  // namespace

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> found;
  std::error_code gone;
  for (std::filesystem::directory_iterator task(folder_of(pid) + "/task", gone), end;
       !gone && task != end; task.increment(gone)) {
    const auto text = read_text(AT_FDCWD, (task->path() / "children").c_str());
    for (const std::int64_t child : numbers(text.value_or(""))) {
      found.push_back(static_cast<pid_t>(child));
    }
  }
  return found;
}

void TreeWatch::add(pid_t pid, TreeUse& use, std::map<pid_t, std::int64_t>& cpu) {
  const std::vector<std::int64_t> stat = stat_of(pid);
  if (stat.size() <= kThreads) return;
  const std::int64_t tick_us = 1'000'000 / ::sysconf(_SC_CLK_TCK);
  cpu[pid] = (stat[kUserTime] + stat[kSystemTime]) * tick_us;
  use.tasks += std::max<std::int64_t>(stat[kThreads], 1);
  const Resident resident = memory_of(pid);
  use.memory_bytes += resident.own + std::max<std::int64_t>(resident.shared - template_bytes_, 0);
  if (use.shared_bytes == 0) {
    use.shared_bytes = resident.of_files + std::min(resident.shared, template_bytes_);
  }
}

std::int64_t template_bytes() {
  std::ifstream maps("/proc/self/maps");
  std::int64_t bytes = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("/memfd:template") == std::string::npos) continue;
    const std::size_t dash = line.find('-');
    bytes += std::stoll(line.substr(dash + 1), nullptr, 16) - std::stoll(line, nullptr, 16);
  }
  return bytes;
}

TreeUse TreeWatch::look(std::int64_t most) {
  TreeUse use;
  std::map<pid_t, std::int64_t> now;
  std::vector<pid_t> pending = children_of(root_);
  while (!pending.empty() && use.tasks <= most) {
    const pid_t pid = pending.back();
    pending.pop_back();
    if (now.contains(pid)) continue;
    add(pid, use, now);
    for (const pid_t child : children_of(pid)) pending.push_back(child);
  }
  for (const auto& [pid, us] : cpu_) {
    const auto still = now.find(pid);
    if (still == now.end() || still->second < us) gone_us_ += us;  // ended, or its number reused
  }
  cpu_ = std::move(now);
  use.cpu_us = gone_us_;
  for (const auto& [pid, us] : cpu_) use.cpu_us += us;
  return use;
}

}  // namespace mecapy::sandbox
