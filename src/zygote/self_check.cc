#include "zygote/self_check.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mecapy::zygote {
namespace {

using sandbox::failed;
using sandbox::StepFailure;

bool has_no_capability() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, sets) != 0) return false;
  for (const auto& set : sets) {
    if (set.effective != 0 || set.permitted != 0 || set.inheritable != 0) return false;
  }
  return true;
}

bool is_user(uid_t uid) {
  uid_t real = 0;
  uid_t effective = 0;
  uid_t saved = 0;
  return ::getresuid(&real, &effective, &saved) == 0 && real == uid && effective == uid &&
         saved == uid;
}

bool can_open(const char* path, int flags) {
  const int fd = ::open(path, flags | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

}  // namespace

StepFailure check_confinement(std::uint32_t user) {
  constexpr int kBroken = EPROTO;
  if (user == 0 || !is_user(user)) return failed("self-check: user", kBroken);
  if (!has_no_capability()) return failed("self-check: capabilities", kBroken);
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) {
    return failed("self-check: no_new_privs", kBroken);
  }
  if (::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_FILTER) {
    return failed("self-check: seccomp", kBroken);
  }
  if (::socket(AF_INET, SOCK_STREAM, 0) >= 0) return failed("self-check: socket", kBroken);
  if (::mount("none", "/work", "tmpfs", 0, nullptr) == 0) {
    return failed("self-check: mount", kBroken);
  }
  if (can_open("/proc/1/environ", O_RDONLY)) return failed("self-check: /proc/1", kBroken);
  if (can_open("/usr/lib/mecapy-canary", O_WRONLY | O_CREAT)) {
    return failed("self-check: read-only root", kBroken);
  }
  return {};
}

}  // namespace mecapy::zygote
