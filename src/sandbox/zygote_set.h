// All zygotes of a supervisor, at most one of each kind: started when first asked for, started
// again when they die, ended when idle, renewed when old;
// together they hold no more memory than they may.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "sandbox/step.h"
#include "sandbox/zygote_kinds.h"
#include "sandbox/zygote_process.h"

namespace mecapy::sandbox {

using SteadyTime = std::chrono::steady_clock::time_point;

// Started with the supervisor, and never ended for being idle.
bool is_always_there(ZygoteKind kind);

class ZygoteSet {
 public:
  explicit ZygoteSet(const Options& options) : options_(options) {}

  // Starts those that are always there and waits until they are ready. False with
  // `error`; they die with this process.
  bool launch(std::string& error);
  // How to hear from their sockets: called for those there are, and for each new one.
  using Watch = std::function<StepFailure(int fd, ZygoteKind kind)>;
  StepFailure watch_with(Watch watch);

  // The best kind at or below `wanted` that can make a sandbox now. Starts `wanted` if need be and
  // if it fits into the memory zygotes may hold; one that nobody wants any more makes room.
  std::optional<ZygoteKind> best_for(ZygoteKind wanted, SteadyTime now);
  // Asks for a sandbox's init. `fds`: as ZygoteRequest says. False when that zygote is gone.
  bool ask(ZygoteKind kind, std::uint64_t ticket, std::span<const int> fds);
  // The next word of `kind`; nothing when there is none now. After `failed` it must be ended.
  std::optional<ZygoteReply> next(ZygoteKind kind);
  // Ends it; it is started again after a pause, when it is one that is always there.
  void end(ZygoteKind kind, SteadyTime now);
  void kill(ZygoteKind kind);
  void end_all(SteadyTime now);

  // Starts those whose pause is over; names one to be ended because it is idle or old.
  std::optional<ZygoteKind> tend(SteadyTime now);
  SteadyTime next_tend(SteadyTime now) const;
  // The bare one failed so often that nothing can run.
  bool hopeless() const;
  bool is_zygote(pid_t pid) const;
  bool is_ready(ZygoteKind kind) const { return zygotes_[index_of(kind)].ready; }
  std::int64_t memory() const;  // bytes that those which are ready hold
  std::int64_t copied_by(ZygoteKind kind) const { return zygotes_[index_of(kind)].copied; }

 private:
  struct Zygote {
    ZygoteProcess process{};
    bool ready = false;
    int failures = 0;  // in a row
    std::int64_t served = 0;
    std::int64_t memory = 0;  // bytes, as it said when it was ready; kept when it ends
    std::int64_t copied = 0;
    SteadyTime born{};
    SteadyTime used{};
    SteadyTime revive_at = SteadyTime::max();
  };
  Zygote& at(ZygoteKind kind) { return zygotes_[index_of(kind)]; }
  void start(ZygoteKind kind, SteadyTime now);
  void note_ready(ZygoteKind kind, const ZygoteReply& reply);
  bool fits(ZygoteKind kind) const;
  // The one to be ended so that the others, or one that is asked for, fit.
  std::optional<ZygoteKind> one_too_many(SteadyTime now);

  const Options& options_;
  Watch watch_;
  std::array<Zygote, kZygoteKinds> zygotes_;
  bool crowded_ = false;  // one was asked for and did not fit
};

}  // namespace mecapy::sandbox
