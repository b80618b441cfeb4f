#include "metrics/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>

namespace mecapy::metrics {
namespace {

namespace fs = std::filesystem;

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

// Unix time of the machine's start, whole seconds.
std::optional<double> boot_time() {
  std::ifstream file("/proc/stat");
  std::string line;
  while (std::getline(file, line)) {
    double at = 0;
    if (line.starts_with("btime ") && std::istringstream(line.substr(6)) >> at) return at;
  }
  return std::nullopt;
}

// When this process began, in clock ticks since the machine's start: field 22 of proc(5), "stat".
// The name, field 2, may hold spaces and brackets.
std::optional<double> start_ticks() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(line.substr(name_end + 1));
  std::string word;
  for (int field = 3; field <= 22; ++field) rest >> word;
  return rest ? std::optional(std::stod(word)) : std::nullopt;
}

void memory(Figures& figures) {
  std::ifstream file("/proc/self/statm");
  double total = 0, resident = 0;
  if (!(file >> total >> resident)) return;
  const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  figures.set(Metric::process_virtual_memory, total * page);
  figures.set(Metric::process_resident_memory, resident * page);
}

void descriptors(Figures& figures) {
  std::error_code ec;
  const fs::directory_iterator open("/proc/self/fd", ec);
  if (!ec) {  // one of them is the look itself
    const auto count = std::distance(open, fs::directory_iterator()) - 1;
    figures.set(Metric::process_open_fds, static_cast<double>(count));
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    figures.set(Metric::process_max_fds, static_cast<double>(limit.rlim_cur));
  }
}

}  // namespace

void process_figures(Figures& figures) {
  memory(figures);
  descriptors(figures);
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    figures.set(Metric::process_cpu, seconds(usage.ru_utime) + seconds(usage.ru_stime));
  }
  static const std::optional<double> booted = boot_time();
  if (const auto ticks = start_ticks(); ticks && booted) {
    figures.set(Metric::process_start_time,
                *booted + *ticks / static_cast<double>(::sysconf(_SC_CLK_TCK)));
  }
}

}  // namespace mecapy::metrics
