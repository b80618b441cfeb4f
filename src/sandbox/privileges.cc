#include "sandbox/privileges.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

namespace mecapy::sandbox {
namespace {

using Sets = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

StepFailure shrink_bounding_set(std::initializer_list<int> kept) {
  for (int cap = 0; cap < 64; ++cap) {
    if (std::ranges::find(kept, cap) != kept.end()) continue;
    if (::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) return {};  // past the last capability of this kernel
    return failed("drop the bounding set");
  }
  return {};
}

}  // namespace

StepFailure keep_capabilities(std::initializer_list<int> kept) {
  if (const StepFailure step = shrink_bounding_set(kept)) return step;
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return failed("clear ambient capabilities");
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  Sets sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return failed("capget");
  std::array<std::uint32_t, _LINUX_CAPABILITY_U32S_3> mask{};
  for (const int cap : kept) {
    mask[static_cast<std::size_t>(cap) / 32] |= 1U << (static_cast<unsigned>(cap) % 32);
  }
  for (std::size_t i = 0; i < sets.size(); ++i) {
    sets[i].permitted &= mask[i];
    sets[i].effective = sets[i].permitted;
    sets[i].inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, sets.data()) != 0) return failed("capset");
  return {};
}

StepFailure keep_supervisor_capabilities() {
  return keep_capabilities({CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL,
                            CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER});
}

StepFailure set_no_new_privs() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs");
  return {};
}

StepFailure reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP || (signal >= 32 && signal < SIGRTMIN)) continue;
    if (::signal(signal, SIG_DFL) == SIG_ERR) return failed("reset signals");
  }
  sigset_t none;
  ::sigemptyset(&none);
  if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0) return failed("unblock signals");
  return {};
}

}  // namespace mecapy::sandbox
