// One slot: the life of one run after another, as the supervisor drives it.
//
//   free ─begin─▶ asked ─cloned─▶ setting_up ─ready─▶ running ─init gone─▶ clearing ─▶ free
//                   └───────────────┴──── any failure, kill ─────┘
// From `begin` on, exactly one `ended` is told, and only once nothing of the run is left.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>

#include "base/fd.h"
#include "sandbox/cgroup.h"
#include "sandbox/protocol.h"
#include "sandbox/sandbox.h"

namespace mecapy::sandbox {

using SteadyTime = std::chrono::steady_clock::time_point;

class Slot {
 public:
  enum class State : std::uint8_t { free, asked, setting_up, running, clearing };

  // `outer_uid` is this slot's user outside; `cgroup` and `places` outlive the slot.
  Slot(std::uint32_t outer_uid, CgroupSlot& cgroup, const ControllerPlaces& places)
      : outer_uid_(outer_uid), cgroup_(cgroup), places_(places) {}

  State state() const { return state_; }
  std::uint64_t run() const { return run_; }
  pid_t init() const { return init_; }
  int ctl() const { return ctl_.get(); }
  std::int64_t setup_us() const { return end_.setup_us; }
  // The zygote has been asked and has not answered.
  bool waits_for_zygote() const { return waits_for_zygote_; }

  // It has not answered for longer than a set-up may take.
  bool zygote_is_late(SteadyTime now) const { return waits_for_zygote_ && now >= deadline_; }

  // Takes a request: limits the cgroup, makes the ctl pair. On success `far_ctl` goes to the
  // zygote.
  StepFailure begin(const FrontRequest& request, SteadyTime now, base::Fd& far_ctl);
  // The zygote made init: the cgroup, the id maps, then init goes on.
  void cloned(pid_t init);
  // No init: the zygote refused (errno) or died (0).
  void not_cloned(int error);
  // Something on ctl. True when the run has just become ready.
  bool hear(SteadyTime now);
  // The front wants it gone.
  void kill_for_front();
  // Limits that no event announces, and the deadlines.
  void check(SteadyTime now);
  // Reaps init when it has ended. True when this run's end may be told: take it with finish().
  bool reap(SteadyTime now);
  FrontReply finish();
  // The next instant at which check() has something to do.
  SteadyTime next_check(SteadyTime now) const;

 private:
  void fail_setup(const StepFailure& step);
  StepFailure open_ctl(base::Fd& far);
  StepFailure admit();
  void end_init();
  void init_gone(int wait_status, std::int64_t cpu_us, SteadyTime now);
  bool cleared() const;

  std::uint32_t outer_uid_;
  CgroupSlot& cgroup_;
  const ControllerPlaces& places_;

  State state_ = State::free;
  std::uint64_t run_ = 0;
  model::Limits limits_{};
  pid_t init_ = -1;
  base::Fd ctl_;
  SteadyTime begun_{};
  SteadyTime ready_{};
  SteadyTime deadline_{};  // of the set-up, then of the run
  SteadyTime ended_{};
  bool waits_for_zygote_ = false;
  bool reported_ = false;  // init told how the run ended
  bool faulted_ = false;   // a set-up step failed
  FrontReply end_{};
};

}  // namespace mecapy::sandbox
