// Forks of a zygote with no isolation at all, behind the interface of the sandbox: the same driver
// measures both. They are prepared ahead as sandboxes are, and used once.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/packet.h"
#include "sandbox/sandbox.h"
#include "sandbox/zygote_process.h"

namespace mecapy::bench {

class PlainForks final : public sandbox::Sandbox {
 public:
  // Starts plain_zygote_bench (options.zygote_program) with what `kind` imports, in the zygote's
  // template and as its user, and waits until it is ready.
  static Result<std::unique_ptr<PlainForks>> launch(const sandbox::Options& options,
                                                    sandbox::ZygoteKind kind);
  ~PlainForks() override;

  int event_fd() const override { return epoll_.get(); }
  Result<std::optional<sandbox::Event>> next_event() override;
  using Sandbox::start;
  // Tells no `started`; limits and kind are not looked at.
  Result<sandbox::RunPipes> start(std::uint64_t run, const model::Limits& limits,
                                  sandbox::ZygoteKind kind) override;
  void kill(std::uint64_t run) override;
  int slots() const override { return slots_; }
  void ping() override {}

 private:
  struct Fork {
    pid_t pid = -1;
    base::Fd ctl{};
    base::Fd pidfd{};
    bool prepared = false;
    std::optional<std::uint64_t> run{};
  };
  struct Waiting {
    std::uint64_t run = 0;
    base::Fd channel{};
    base::Fd log{};
  };

  explicit PlainForks(int slots) : slots_(slots) {}
  bool watch(int fd, std::uint64_t tag);
  void refill();
  bool ask();
  void hear_zygote();
  void hear(Fork& fork);
  sandbox::Event reap(std::uint64_t ticket);
  void place_waiting();

  int slots_;
  int active_ = 0;
  bool gone_ = false;
  std::uint64_t next_ticket_ = 1;
  base::Fd epoll_;
  sandbox::ZygoteProcess zygote_;
  std::map<std::uint64_t, Fork> forks_;  // by ticket
  std::deque<Waiting> waiting_;
};

}  // namespace mecapy::bench
