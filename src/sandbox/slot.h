// One slot: the life of one sandbox after another, as the supervisor drives it. Each sandbox is
// used for one run.
//
// free ─prepare─▶ asked ─cloned─▶ preparing ─prepared─▶ prepared ─claim─▶ starting ─ready─▶ running
//  ▲                └───────────────┴── any failure, kill ──┴───────────────┴────────────────┤
//  └───────────────────────────────────────────────── clearing ◀─────────────────────────────┘
// A run may claim the slot at any time before `starting`; it then starts as soon as the sandbox is
// prepared. From `claim` on, exactly one end is told, and only once no process of the run is left
// but, perhaps, the holder of its memory (zygote/memory_holder.h).
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/fd.h"
#include "sandbox/keeper.h"
#include "sandbox/packet.h"
#include "sandbox/protocol.h"
#include "sandbox/sandbox.h"
#include "sandbox/zygote_kinds.h"

namespace mecapy::sandbox {

using SteadyTime = std::chrono::steady_clock::time_point;

// A run on its way into a sandbox: its descriptors are its channel end and its log's write end.
struct Start {
  FrontRequest request{};
  PacketFds fds{};
  SteadyTime received{};
};

class Slot {
 public:
  enum class State : std::uint8_t { free, asked, preparing, prepared, starting, running, clearing };

  explicit Slot(std::unique_ptr<Keeper> keeper) : keeper_(std::move(keeper)) {}

  State state() const { return state_; }
  bool claimed() const { return claimed_; }
  std::vector<int> namespaces() const { return keeper_->namespaces(); }
  // Not claimed, and a sandbox or on its way to be one.
  bool is_spare() const;
  std::uint64_t ticket() const { return ticket_; }
  ZygoteKind kind() const { return kind_; }
  std::uint64_t run() const { return start_.request.run; }
  pid_t init() const { return init_; }
  int ctl() const { return ctl_.get(); }
  std::int64_t setup_us() const { return end_.setup_us; }
  // The zygote has been asked and has not answered; and for longer than that may take.
  bool waits_for_zygote() const { return waits_for_zygote_; }
  bool zygote_is_late(SteadyTime now) const { return waits_for_zygote_ && now >= deadline_; }
  // The sandbox could not be made; its slot is clearing.
  bool is_faulty() const { return faulted_; }

  // Begins a sandbox: its keeper's part as new, and the ctl pair. On success `far_ctl` goes to the
  // zygote, of `kind`, with `ticket`; after a failure the slot is clearing.
  StepFailure prepare(ZygoteKind kind, std::uint64_t ticket, SteadyTime now, base::Fd& far_ctl);
  // Gives the sandbox to a run.
  void claim(Start start);
  // The zygote made init: the keeper lets it in, with its part of the set-up.
  void cloned(pid_t init);
  // No init: the zygote refused, or died (ECHILD).
  void not_cloned(int error);
  // Takes the run out of a sandbox that will not be: nothing of it has begun. Not for a run that is
  // to be killed.
  std::optional<Start> take_run_back();
  // Something on ctl.
  void hear();
  // Whether the run has become ready since this was last asked.
  bool take_newly_ready();
  // The front wants its run gone, or the supervisor the sandbox.
  void kill();
  void kill_for_front();
  // Limits that no event announces, and the deadlines.
  void check(SteadyTime now);
  // Reaps init when it has ended, and frees the slot once nothing is left. True when the run's end
  // may be told: take it with finish().
  bool reap(SteadyTime now);
  FrontReply finish();
  // The next instant at which check() has something to do.
  SteadyTime next_check(SteadyTime now) const;

 private:
  void fail_setup(const StepFailure& step);
  StepFailure open_ctl(base::Fd& far);
  void take(const RunReport& report);
  void go();
  void become_ready(const RunReport& report);
  void note_figures(const RunReport& report);
  void note_end(const RunReport& report);
  void init_gone(int wait_status, std::int64_t cpu_us, SteadyTime now);
  bool cleared() const;

  std::unique_ptr<Keeper> keeper_;

  State state_ = State::free;
  ZygoteKind kind_ = ZygoteKind::bare;
  std::uint64_t ticket_ = 0;
  bool claimed_ = false;
  Start start_{};
  pid_t init_ = -1;
  base::Fd ctl_;
  SteadyTime ready_{};
  SteadyTime deadline_{};   // of the preparation, of the start, then of the run
  SteadyTime next_look_{};  // at what the run has used
  SteadyTime ended_{};
  bool waits_for_zygote_ = false;
  bool newly_ready_ = false;
  bool reported_ = false;  // init told how the run ended
  bool faulted_ = false;   // a set-up step failed
  FrontReply end_{};
};

}  // namespace mecapy::sandbox
