// What keeps sandboxes apart, read from outside: the kernel's own word on each process. From
// inside, a missing namespace or a shared user hides behind the filter, which refuses the call
// anyway.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <set>

#include "base/clock.h"
#include "sandbox/kernel_file.h"
#include "sandbox/probe_steps.h"
#include "sandbox/process_tree.h"
#include "sandbox/sandbox_fixture.h"

namespace mecapy::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr std::array kNamespaces = {"user", "pid", "mnt", "net", "ipc", "uts", "cgroup", "time"};

// Empty where the kernel has none of this kind, or the process is gone.
std::string namespace_of(pid_t pid, const char* kind) {
  std::error_code failed;
  return fs::read_symlink("/proc/" + std::to_string(pid) + "/ns/" + kind, failed);
}

// The first number of a line of /proc/PID/status.
std::int64_t status_of(pid_t pid, const std::string& key) {
  const std::string path = "/proc/" + std::to_string(pid) + "/status";
  const std::string text = read_text(AT_FDCWD, path.c_str()).value_or("");
  const std::size_t at = text.find("\n" + key + ":\t");
  return at == std::string::npos ? -1 : std::atoll(text.c_str() + at + key.size() + 3);
}

class Apart : public SandboxTest {
 protected:
  static std::vector<pid_t> of_supervisor(bool zygotes) {
    std::vector<pid_t> found = children_of(children_of(::getpid()).at(0));
    std::erase_if(found, [&](pid_t pid) {
      return (namespace_of(pid, "pid") == namespace_of(::getpid(), "pid")) != zygotes;
    });
    return found;
  }
  // The processes with an author's code: each has the zygote's filter and its own.
  static std::vector<pid_t> runs() {
    std::vector<pid_t> found;
    for (const pid_t init : of_supervisor(false)) {
      for (const pid_t child : children_of(init)) {
        if (status_of(child, "Seccomp_filters") == 2) found.push_back(child);
      }
    }
    return found;
  }
  static void wait_for_runs(std::size_t count) {
    const base::Deadline deadline = base::after(patience() * std::chrono::seconds(10));
    while (runs().size() != count) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      ::poll(nullptr, 0, 2);
    }
  }
  // As many as may be at once: they wait for their jobs, confined as they will ever be.
  void SetUp() override {
    for (int k = 0; k < sandbox_->slots(); ++k) {
      auto pipes = sandbox_->start(next_run_++, quick());
      ASSERT_TRUE(pipes.has_value()) << pipes.error().message;
      pipes_.push_back(std::move(pipes.value()));
    }
    wait_for_runs(pipes_.size());
  }
  void TearDown() override {
    for (std::size_t k = 1; k <= pipes_.size(); ++k) sandbox_->kill(next_run_ - k);
    wait_for_ends(static_cast<int>(pipes_.size()));
    pipes_.clear();
    SandboxTest::TearDown();
  }

  std::vector<RunPipes> pipes_;
};

TEST_F(Apart, EachRun_IsInNamespacesThatNobodyElseIsIn) {
  for (const char* kind : kNamespaces) {
    if (namespace_of(::getpid(), kind).empty()) {
      EXPECT_STREQ(kind, "time");  // the one that not every kernel has
      continue;
    }
    std::set<std::string> seen = {namespace_of(::getpid(), kind)};
    for (const pid_t pid : of_supervisor(true)) seen.insert(namespace_of(pid, kind));
    for (const pid_t pid : runs()) EXPECT_TRUE(seen.insert(namespace_of(pid, kind)).second) << kind;
  }
}

TEST_F(Apart, EachRun_IsAUserOutsideThatNobodyElseIs) {
  std::set<std::int64_t> seen = {0};
  for (const pid_t pid : of_supervisor(true)) seen.insert(status_of(pid, "Uid"));
  EXPECT_EQ(seen.size(), 2U);  // root, and one for all zygotes
  for (const pid_t pid : runs()) {
    const std::int64_t user = status_of(pid, "Uid");
    EXPECT_TRUE(seen.insert(user).second) << user;
    EXPECT_EQ(status_of(pid, "Gid"), user);
  }
}

// What all runs of a zygote share is a file that not even root could write (zygote/remap.h).
TEST_F(Apart, TheMemoryThatRunsShare_IsSealed) {
  for (const pid_t zygote : of_supervisor(true)) {
    const std::string proc = "/proc/" + std::to_string(zygote);
    const std::string maps = read_text(AT_FDCWD, (proc + "/maps").c_str()).value_or("");
    const std::size_t name = maps.find("/memfd:template");
    ASSERT_NE(name, std::string::npos) << maps;
    const std::size_t line = maps.rfind('\n', name) + 1;
    const std::string range = maps.substr(line, maps.find(' ', line) - line);
    const base::Fd file(::open((proc + "/map_files/" + range).c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(::fcntl(file.get(), F_GET_SEALS),
              F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
  }
}

// What the kernel answers to a trial, and what doctor calls it: one that nobody can tell is not
// enforced, and never the host's refusal.
TEST(Probe, WhatATrialMeets_IsToldApart) {
  using State = Layer::State;
  const auto state = [](int error) {
    return try_in_child([=] { return error == 0 ? StepFailure{} : failed("step", error); }).state;
  };
  EXPECT_EQ(state(0), State::enforced);
  for (const int error : {EPERM, EACCES, EROFS}) EXPECT_EQ(state(error), State::refused) << error;
  for (const int error : {ENOSYS, EINVAL, ENOENT, ENOSPC}) {
    EXPECT_EQ(state(error), State::missing) << error;
  }
  for (const int error : {EIO, ENOMEM, EAGAIN, EMFILE}) {
    EXPECT_EQ(state(error), State::undetermined) << error;
  }
  EXPECT_EQ(try_in_child([] { return does_not_hold("a wall"); }).state, State::missing);
  const Sight died = try_in_child([]() -> StepFailure { ::_exit(0); });
  EXPECT_EQ(died.state, State::undetermined);
  EXPECT_TRUE(has(died.detail, "the child died"));
}

}  // namespace
}  // namespace mecapy::sandbox
