// What the processes below one use, read from /proc: where no cgroup counts it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <vector>

namespace mecapy::sandbox {

// The children of all threads of `pid` (proc_pid_task_tid_children(5)); none when it is gone. One
// that was born or died meanwhile may be missing.
std::vector<pid_t> children_of(pid_t pid);

struct TreeUse {
  std::int64_t tasks = 0;         // processes and threads
  std::int64_t memory_bytes = 0;  // resident and their own; what several share counts for each
  std::int64_t shared_bytes = 0;  // resident, of files and of the template, of the first child
  std::int64_t cpu_us = 0;        // of all that were ever seen, in steps of 10 ms
};

// What this process has mapped of the zygote's sealed file (zygote/remap.h).
std::int64_t template_bytes();

// All descendants of `root`, without itself. Each may have `template_bytes` of memory that is
// shared without being its own.
class TreeWatch {
 public:
  explicit TreeWatch(pid_t root, std::int64_t template_bytes = 0)
      : root_(root), template_bytes_(template_bytes) {}
  // Looks no further once there are more than `most` tasks.
  TreeUse look(std::int64_t most);

 private:
  void add(pid_t pid, TreeUse& use, std::map<pid_t, std::int64_t>& cpu);

  pid_t root_;
  std::int64_t template_bytes_;
  std::map<pid_t, std::int64_t> cpu_;  // as last seen, of those that live
  std::int64_t gone_us_ = 0;           // of those that do not
};

}  // namespace mecapy::sandbox
