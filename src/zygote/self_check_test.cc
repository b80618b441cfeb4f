// The run's look at itself: each thing that was not taken away is found, by its name.
#include "zygote/self_check.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <string>

#include "base/fd.h"
#include "sandbox/filter.h"
#include "sandbox/privileges.h"

namespace mecapy::zygote {
namespace {

constexpr uid_t kUser = 199'999;

bool become_user_with_capabilities() {
  return ::prctl(PR_SET_KEEPCAPS, 1) == 0 && ::setresuid(kUser, kUser, kUser) == 0;
}
bool drop_capabilities() { return ::prctl(PR_SET_KEEPCAPS, 0) == 0 && !sandbox::keep_only({}); }
bool take_no_new_privileges() { return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0; }
bool filter_nothing() {
  return !sandbox::install_filter({BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)});
}
bool filter_sockets() {
  return !sandbox::install_filter({BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 1),
                                   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                                   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)});
}

struct Taken {
  bool (*take)();
  const char* missed;  // what the look finds when this step and those after it were left out
};
constexpr Taken kSteps[] = {
    {become_user_with_capabilities, "self-check: user"},
    {drop_capabilities, "self-check: capabilities"},
    {take_no_new_privileges, "self-check: no_new_privs"},
    {filter_nothing, "self-check: seccomp"},
    {filter_sockets, "self-check: socket"},
};

// What a child finds that took the first `count` steps.
std::string found_after(std::size_t count, std::uint32_t user) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::string found;
    for (std::size_t i = 0; i < count; ++i) {
      if (!kSteps[i].take()) found = std::string("cannot: ") + kSteps[i].missed;
    }
    const sandbox::StepFailure step = check_confinement(user);
    if (found.empty() && step) found = step.step;
    ::_exit(::write(ends[1], found.data(), found.size()) < 0 ? 1 : 0);
  }
  ::close(ends[1]);
  const base::Fd in(ends[0]);
  std::string text(200, '\0');
  const ssize_t got = ::read(in.get(), text.data(), text.size());
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
  return text;
}

TEST(SelfCheck, WhatWasNotTakenAway_IsFoundByItsName) {
  constexpr std::size_t kAll = std::size(kSteps);
  for (std::size_t count = 0; count < kAll; ++count) {
    EXPECT_EQ(found_after(count, kUser), kSteps[count].missed);
  }
  EXPECT_EQ(found_after(kAll, kUser), "");
}

TEST(SelfCheck, AnotherUserOrRoot_IsFound) {
  EXPECT_EQ(found_after(std::size(kSteps), kUser + 1), "self-check: user");
  EXPECT_EQ(found_after(0, 0), "self-check: user");
}

}  // namespace
}  // namespace mecapy::zygote
