// The supervisor's event loop; see the theory of operation in supervisor.cc.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <deque>
#include <memory>

#include "sandbox/ground.h"
#include "sandbox/packet.h"
#include "sandbox/slot.h"
#include "sandbox/zygote_set.h"

namespace mecapy::sandbox {

inline constexpr int kFront = 3;  // where the supervisor keeps its socket to the front

class Supervisor {
 public:
  Supervisor(const Options& options, std::unique_ptr<Ground> ground,
             std::unique_ptr<ZygoteSet> zygotes)
      : options_(options), ground_(std::move(ground)), zygotes_(std::move(zygotes)) {
    for (int k = 0; k < options_.sandboxes(); ++k) slots_.emplace_back(ground_->keeper(k));
  }

  StepFailure open();
  // Until the front is gone.
  void run();

 private:
  StepFailure watch(int fd, std::uint64_t tag);
  int pause_ms() const;
  void handle(const epoll_event& event);
  void front_readable();
  // Gives the run a prepared sandbox, else the one that will be prepared first, else a new one;
  // false when all are taken or being taken down.
  bool place(Start& start);
  void place_waiting();
  void make_room();
  bool prepare(Slot& slot, ZygoteKind kind);
  void refill();
  void note_spare_gone(const Slot& slot);
  std::int64_t spare_memory() const;
  int spares(ZygoteKind kind) const;
  int running(ZygoteKind kind) const;
  void refill(ZygoteKind kind);
  int wanted(ZygoteKind kind) const;
  void kill_run(std::uint64_t run);
  void tell_started(Slot& slot);
  void zygote_readable(ZygoteKind kind);
  void zygote_died(ZygoteKind kind);
  void tend_zygotes();
  void reap();
  void drain_signals();
  void drop_strays();
  void end_strays();
  bool is_known(pid_t child) const;
  void tell(const FrontReply& reply);
  bool outstanding() const;
  bool outstanding(ZygoteKind kind) const;
  void end_everything();
  Slot* find_run(std::uint64_t run);
  Slot* find_ticket(std::uint64_t ticket);
  Slot* find_free();

  const Options& options_;
  std::unique_ptr<Ground> ground_;
  std::unique_ptr<ZygoteSet> zygotes_;
  std::deque<Slot> slots_;
  std::deque<Start> waiting_;  // at most options_.slots: the front starts no more at once
  std::uint64_t next_ticket_ = 1;
  int failed_spares_ = 0;  // in a row
  SteadyTime refill_at_{};
  std::array<SteadyTime, kZygoteKinds> demanded_{};  // a run last asked for this kind
  base::Fd epoll_;
  base::Fd signals_;
  bool front_gone_ = false;
};

}  // namespace mecapy::sandbox
