// How a zygote makes the init of a sandbox, in each profile.
#pragma once

#include <string>
#include <vector>

#include "sandbox/packet.h"
#include "zygote/run.h"

namespace mecapy::zygote {

struct Birth {
  pid_t init = -1;
  int error = 0;  // errno of what failed
};

class Births {
 public:
  // `readable`: what runs may read, where no template hides the rest (profile container); else
  // none.
  Births(const RunKit& kit, std::vector<std::string> readable)
      : kit_(kit), readable_(std::move(readable)) {}

  // Where glibc keeps its thread's id, which the kernel must renew in a raw clone. False with
  // errno. To be called before the first make().
  bool prepare();

  // `fds`: as sandbox::ZygoteRequest says. In the copy it never returns. Init is the supervisor's
  // child when this returns.
  Birth make(sandbox::PacketFds& fds);

 private:
  struct Plan;
  static int begin_init(void* plan);
  static int make_init(void* plan);
  [[noreturn]] void live(sandbox::PacketFds& fds) const;
  Birth make_in_slot(sandbox::PacketFds& fds);
  Birth make_in_container(sandbox::PacketFds& fds);

  const RunKit& kit_;
  std::vector<std::string> readable_;
  int* tid_ = nullptr;
};

}  // namespace mecapy::zygote
