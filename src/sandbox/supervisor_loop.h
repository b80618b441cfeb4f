// The supervisor's event loop; see the theory of operation in supervisor.cc.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <deque>
#include <memory>

#include "sandbox/packet.h"
#include "sandbox/slot.h"
#include "sandbox/zygote_process.h"

namespace mecapy::sandbox {

inline constexpr int kFront = 3;  // where the supervisor keeps its socket to the front

class Supervisor {
 public:
  Supervisor(const Options& options, std::unique_ptr<CgroupTree> cgroups, ZygoteProcess zygote)
      : options_(options), cgroups_(std::move(cgroups)), zygote_(std::move(zygote)) {
    for (int k = 0; k < options_.slots; ++k) {
      slots_.emplace_back(options_.uid_base + 1 + static_cast<std::uint32_t>(k), cgroups_->slot(k),
                          cgroups_->places());
    }
  }

  StepFailure open();
  // Until the front is gone.
  void run();

 private:
  StepFailure watch(int fd, std::uint64_t tag);
  int pause_ms() const;
  void handle(const epoll_event& event);
  void front_readable();
  void start(const FrontRequest& request, std::array<base::Fd, kMaxPacketFds>& fds);
  void refuse(std::uint64_t run, const StepFailure& step);
  void zygote_readable();
  void zygote_died();
  void revive_zygote();
  void reap();
  void drain_signals();
  void drop_strays();
  void tell(const FrontReply& reply);
  bool outstanding() const;
  void end_everything();
  Slot* find(std::uint64_t run);

  const Options& options_;
  std::unique_ptr<CgroupTree> cgroups_;
  ZygoteProcess zygote_;
  std::deque<Slot> slots_;
  base::Fd epoll_;
  base::Fd signals_;
  bool front_gone_ = false;
  int zygote_failures_ = 0;
  SteadyTime revive_at_ = SteadyTime::max();
};

}  // namespace mecapy::sandbox
