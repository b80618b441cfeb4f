#include "zygote/birth.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>

#include "sandbox/protocol.h"
#include "sandbox/syscall_table.h"
#include "zygote/contained_init.h"
#include "zygote/init.h"

namespace mecapy::zygote {
namespace {

// Before init's stack: what is called between here and the clone.
constexpr std::size_t kStackGap = 4096;

// The stack of the process that makes init. Not among the memory that is remapped: a page of that,
// once written, is copied by every clone to come.
alignas(16) std::array<char, 16 * 1024> midwife_stack;

// clone(2) without a new stack: returns twice, as fork does. The last two arguments change places
// between architectures.
pid_t raw_clone(std::uint64_t flags, int* tid) {
#if defined(__x86_64__)
  return static_cast<pid_t>(::syscall(SYS_clone, flags, 0, nullptr, tid, 0));
#else
  return static_cast<pid_t>(::syscall(SYS_clone, flags, 0, nullptr, 0, tid));
#endif
}

}  // namespace

// Shared by the zygote, which waits meanwhile, and the process that makes init.
struct Births::Plan {
  const Births& births;
  sandbox::PacketFds& fds;
  char* stack = nullptr;  // for init: of the zygote's own, below what is in use
  Birth birth{};
};

int Births::begin_init(void* at) {
  const Plan& plan = *static_cast<Plan*>(at);
  plan.births.live(plan.fds);
}

// A process may enter namespaces only for itself, and a pid namespace is for its children. So this
// one enters the slot's, has init in new ones of the other kinds, and is gone; it shares the
// zygote's memory, so it costs next to nothing.
int Births::make_init(void* at) {
  Plan& plan = *static_cast<Plan*>(at);
  if (::setns(plan.fds[1].get(), CLONE_NEWUSER) == 0 &&
      ::setns(plan.fds[2].get(), CLONE_NEWNET) == 0) {
    plan.birth.init = ::clone(begin_init, plan.stack, static_cast<int>(sandbox::kInitCloneFlags),
                              at, nullptr, nullptr, plan.births.tid_);
  }
  if (plan.birth.init < 0) plan.birth.error = errno;
  ::_exit(0);
}

bool Births::prepare() { return ::prctl(PR_GET_TID_ADDRESS, &tid_) == 0; }

void Births::live(sandbox::PacketFds& fds) const {
  ::close(sandbox::kZygoteSocket);
  for (std::size_t i = 1; i < fds.size(); ++i) fds[i].reset();
  if (readable_.empty()) be_init(std::move(fds[0]), kit_);
  be_contained_init(std::move(fds[0]), readable_, kit_);
}

Birth Births::make_in_slot(sandbox::PacketFds& fds) {
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  Plan plan{*this, fds, reinterpret_cast<char*>((here - kStackGap) & ~std::uintptr_t{15})};
  const pid_t midwife = ::clone(make_init, midwife_stack.data() + midwife_stack.size(),
                                CLONE_VM | CLONE_VFORK | SIGCHLD, &plan);
  if (midwife < 0) return {-1, errno};
  // Once it is reaped, its child is the supervisor's.
  if (::waitpid(midwife, nullptr, 0) != midwife) return {-1, errno};
  return plan.birth;
}

Birth Births::make_in_container(sandbox::PacketFds& fds) {
  const pid_t init = raw_clone(sandbox::kContainerInitCloneFlags, tid_);
  if (init == 0) live(fds);
  return {init, init < 0 ? errno : 0};
}

Birth Births::make(sandbox::PacketFds& fds) {
  return readable_.empty() ? make_in_slot(fds) : make_in_container(fds);
}

}  // namespace mecapy::zygote
