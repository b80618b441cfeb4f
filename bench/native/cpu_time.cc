#include "cpu_time.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace mecapy::bench {

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

std::int64_t own_cpu_us() {
  rusage use{};
  ::getrusage(RUSAGE_SELF, &use);
  return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * std::int64_t{1'000'000} +
         use.ru_utime.tv_usec + use.ru_stime.tv_usec;
}

}  // namespace mecapy::bench
