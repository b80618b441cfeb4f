#include "sandbox/privileges.h"

#include <grp.h>
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
using Mask = std::array<std::uint32_t, _LINUX_CAPABILITY_U32S_3>;

Mask mask_of(std::initializer_list<int> caps) {
  Mask mask{};
  for (const int cap : caps) {
    mask[static_cast<std::size_t>(cap) / 32] |= 1U << (static_cast<unsigned>(cap) % 32);
  }
  return mask;
}

bool read_sets(Sets& sets) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  return ::syscall(SYS_capget, &header, sets.data()) == 0;
}

StepFailure write_sets(const Sets& sets) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  if (::syscall(SYS_capset, &header, sets.data()) != 0) return failed("capset");
  return {};
}

}  // namespace

StepFailure shrink_bounding_set(std::initializer_list<int> kept) {
  for (int cap = 0; cap < 64; ++cap) {
    if (std::ranges::find(kept, cap) != kept.end()) continue;
    if (::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) return {};  // past the last capability of this kernel
    if (errno == EPERM && ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) return {};
    return failed("drop the bounding set");
  }
  return {};
}

StepFailure keep_capabilities(std::initializer_list<int> kept) {
  if (const StepFailure step = shrink_bounding_set(kept)) return step;
  return keep_only(kept);
}

StepFailure keep_only(std::initializer_list<int> kept) {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return failed("clear ambient capabilities");
  }
  Sets sets{};
  if (!read_sets(sets)) return failed("capget");
  const Mask mask = mask_of(kept);
  for (std::size_t i = 0; i < sets.size(); ++i) {
    sets[i].permitted &= mask[i];
    sets[i].effective = sets[i].permitted;
    sets[i].inheritable = 0;
  }
  return write_sets(sets);
}

StepFailure become(std::uint32_t uid) {
  if (::setgroups(0, nullptr) != 0) return failed("setgroups");
  if (::setresgid(uid, uid, uid) != 0) return failed("setresgid");
  if (::setresuid(uid, uid, uid) != 0) return failed("setresuid");
  return {};
}

StepFailure become_with(std::uint32_t uid, std::initializer_list<int> kept) {
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return failed("PR_SET_KEEPCAPS");
  if (const StepFailure step = become(uid)) return step;
  Sets sets{};
  const Mask mask = mask_of(kept);
  for (std::size_t i = 0; i < sets.size(); ++i) {
    sets[i].permitted = sets[i].effective = sets[i].inheritable = mask[i];
  }
  if (const StepFailure step = write_sets(sets)) return step;
  for (const int cap : kept) {
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) != 0) {
      return failed("keep a capability");
    }
  }
  return {};
}

bool has_capabilities(std::initializer_list<int> caps) {
  Sets sets{};
  if (!read_sets(sets)) return false;
  const Mask mask = mask_of(caps);
  for (std::size_t i = 0; i < sets.size(); ++i) {
    if ((sets[i].effective & mask[i]) != mask[i]) return false;
  }
  return true;
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
