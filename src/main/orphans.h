// Processes whose parent died before them and that came to this one: the supervisor of a worker
// that was killed, with what it had started.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <span>

namespace mecapy::main {

class Orphans {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // A supervisor ends what runs and removes its control groups by itself; one that hangs does not.
  static constexpr std::chrono::seconds kGrace{8};

  // From here on they come to this process (PR_SET_CHILD_SUBREAPER).
  static void adopt();
  // Reaps those that have ended and kills those that have not for kGrace. `own` are children that
  // are no orphans. True while there are any.
  bool tend(std::span<const pid_t> own, Time now);

 private:
  std::map<pid_t, Time> seen_;
};

}  // namespace mecapy::main
