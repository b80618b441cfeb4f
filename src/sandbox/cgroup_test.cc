// The groups themselves, of whichever version this kernel has: what they bound, count and end.
#include "sandbox/cgroup.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "base/clock.h"
#include "sandbox/kernel_file.h"
#include "sandbox/sandbox_fixture.h"

namespace mecapy::sandbox {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr std::int64_t kMiB = 1024 * 1024;

// Takes memory as a program does, and keeps it until the process ends.
void take(std::int64_t bytes) {
  const auto size = static_cast<std::size_t>(bytes);
  void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at != MAP_FAILED) std::memset(at, 1, size);
}

void spin(std::chrono::milliseconds time) {
  const auto until = steady_clock::now() + time;
  while (steady_clock::now() < until) {
  }
}

// Polls, as the kernel tells nobody; false after 10 s (times patience).
template <class Condition>
bool eventually(Condition condition) {
  const base::Deadline deadline = base::after(patience() * std::chrono::seconds(10));
  while (!condition()) {
    if (steady_clock::now() > deadline) return false;
    ::poll(nullptr, 0, 2);
  }
  return true;
}

// Folders named as systemd names its groups.
class UndelegatedUnit : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(root_.data()), nullptr); }
  void TearDown() override { fs::remove_all(root_); }
  std::string make(const std::string& path, const std::string& delegate = "") const {
    const std::string folder = root_ + "/" + path;
    fs::create_directories(folder);
    if (!delegate.empty()) {
      EXPECT_EQ(::setxattr(folder.c_str(), "trusted.delegate", delegate.data(), 1, 0), 0);
    }
    return folder;
  }
  std::string root_ = "/tmp/mecapy-units-XXXXXX";
};

TEST_F(UndelegatedUnit, AServiceOrScope_IsNamed) {
  EXPECT_EQ(undelegated_unit(make("system.slice/a.service")), "a.service");
  EXPECT_EQ(undelegated_unit(make("system.slice/a.service/below/it")), "a.service");
  EXPECT_EQ(undelegated_unit(make("system.slice/no.service", "0")), "no.service");
  EXPECT_EQ(undelegated_unit(make("user.slice/run-1.scope")), "run-1.scope");
  make("user@0.service", "1");
  EXPECT_EQ(undelegated_unit(make("user@0.service/app.slice/b.service")), "b.service");
}

TEST_F(UndelegatedUnit, WhatIsDelegatedASessionOrNoUnit_IsNone) {
  EXPECT_EQ(undelegated_unit(make("system.slice/a.service", "1")), "");
  make("system.slice/b.service", "1");
  EXPECT_EQ(undelegated_unit(make("system.slice/b.service/below")), "");
  EXPECT_EQ(undelegated_unit(make("user.slice/user-0.slice/session-3.scope")), "");
  EXPECT_EQ(undelegated_unit(make("user.slice")), "");
  EXPECT_EQ(undelegated_unit("/sys/fs/cgroup"), "");
  EXPECT_EQ(undelegated_unit(""), "");
}

// One slot with the limits of a small run.
class CgroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const StepFailure made = CgroupTree::make(1, tree_);
    ASSERT_FALSE(made) << made.step << ": " << std::strerror(made.error);
    const StepFailure renewed = slot().renew(tree_->places());
    ASSERT_FALSE(renewed) << renewed.step << ": " << std::strerror(renewed.error);
    limits_.memory_mb = 64;
    limits_.processes = 7;
  }

  void TearDown() override {
    slot().kill_all();
    while (::wait(nullptr) > 0) {
    }
    EXPECT_TRUE(eventually([this] { return slot().empty(); }));
    const std::vector<std::string> own = folders();
    tree_.reset();
    for (const std::string& folder : own) EXPECT_FALSE(fs::exists(folder)) << folder;
  }

  CgroupSlot& slot() { return tree_->slot(0); }
  const ControllerPlace& place(Controller c) const {
    return tree_->places()[static_cast<std::size_t>(c)];
  }
  std::string folder(Controller c) const {
    return place(c).folder + "/mecapy-" + std::to_string(::getpid()) + "/slot-0";
  }
  std::vector<std::string> folders() const {
    std::vector<std::string> found;
    for (const ControllerPlace& one : tree_->places()) {
      if (one.version != 0) found.push_back(one.folder + "/mecapy-" + std::to_string(::getpid()));
    }
    return found;
  }

  void limit() {
    const StepFailure step = slot().limit(limits_);
    ASSERT_FALSE(step) << step.step << ": " << std::strerror(step.error);
  }

  // A child that joins the group, does `work` and ends with 0.
  template <class Work>
  pid_t start(Work work) {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    for (const int door : slot().doors()) {
      if (::write(door, "0", 1) != 1) ::_exit(9);
    }
    work();
    ::_exit(0);
  }
  std::ptrdiff_t processes() const {
    const std::string procs = folder(Controller::memory) + "/cgroup.procs";
    const std::string text = read_text(AT_FDCWD, procs.c_str()).value_or("");
    return std::count(text.begin(), text.end(), '\n');
  }
  static int wait_status(pid_t pid) {
    int status = -1;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return status;
  }

  model::Limits limits_;
  std::unique_ptr<CgroupTree> tree_;
};

TEST_F(CgroupTest, Peak_IsReadBack) {
  limit();
  EXPECT_EQ(wait_status(start([] { take(32 * kMiB); })), 0);
  EXPECT_GE(slot().use().peak_memory_bytes, 32 * kMiB);
  EXPECT_LE(slot().use().peak_memory_bytes, 64 * kMiB);
  EXPECT_EQ(slot().use().oom_kills, 0);
}

TEST_F(CgroupTest, OutOfMemory_IsCountedAndOnV2EndsTheWholeGroup) {
  limit();
  const pid_t bystander = start([] { ::pause(); });
  ASSERT_TRUE(eventually([this] { return processes() == 1; }));
  const pid_t greedy = start([] { take(256 * kMiB); });
  ASSERT_TRUE(WIFSIGNALED(wait_status(greedy)));
  EXPECT_GT(slot().use().oom_kills, 0);
  EXPECT_EQ(slot().use().peak_memory_bytes, 64 * kMiB);
  if (place(Controller::memory).version == 1) ::kill(bystander, SIGTERM);  // the supervisor's part
  int status = 0;
  ASSERT_TRUE(eventually([&] { return ::waitpid(bystander, &status, WNOHANG) == bystander; }));
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), place(Controller::memory).version == 1 ? SIGTERM : SIGKILL);
}

TEST_F(CgroupTest, Swap_IsOff) {
  limit();
  const std::string at = folder(Controller::memory) + "/";
  const bool v1 = place(Controller::memory).version == 1;
  const std::string file = at + (v1 ? "memory.memsw.limit_in_bytes" : "memory.swap.max");
  // Where the kernel has no swap at all, it has no file for it.
  const std::string has_none = v1 ? std::to_string(64 * kMiB) + "\n" : "0\n";
  EXPECT_EQ(read_text(AT_FDCWD, file.c_str()).value_or(has_none), has_none);
}

TEST_F(CgroupTest, RefusedForks_AreCounted) {
  limit();
  const int status = wait_status(start([] {
    int made = 0;
    for (int i = 0; i < 20; ++i) {
      const pid_t pid = ::fork();
      if (pid == 0) ::pause();
      if (pid > 0) ++made;
    }
    ::_exit(made);
  }));
  // And the first: 7, and the places of init and of the holder of the memory.
  EXPECT_EQ(WEXITSTATUS(status), 8);
  EXPECT_EQ(slot().use().pids_refused, 12);
}

TEST_F(CgroupTest, CpuQuota_HoldsForAllTogether) {
  limits_.cpus = 0.2;
  limit();
  const auto began = steady_clock::now();
  const auto work = [] { spin(std::chrono::milliseconds(600)); };
  const pid_t first = start(work);
  const pid_t second = start(work);
  EXPECT_EQ(wait_status(first), 0);
  EXPECT_EQ(wait_status(second), 0);
  const auto wall =
      std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - began);
  // A period's share more: the clock of the periods is the kernel's own.
  EXPECT_LE(slot().use().cpu_us, wall.count() * 0.2 + 2 * 20'000);
}

TEST_F(CgroupTest, CpuTime_IsCountedFromTheLimitOn) {
  EXPECT_EQ(wait_status(start([] { spin(std::chrono::milliseconds(50)); })), 0);
  limit();
  EXPECT_LT(slot().use().cpu_us, 10'000);
  EXPECT_EQ(wait_status(start([] { spin(std::chrono::milliseconds(50)); })), 0);
  EXPECT_GT(slot().use().cpu_us, 1'000);
}

TEST_F(CgroupTest, KillAll_EndsEveryProcess) {
  limit();
  const pid_t parent = start([] {
    for (int i = 0; i < 3; ++i) {
      if (::fork() == 0) ::pause();
    }
    ::pause();
  });
  ASSERT_TRUE(eventually([this] { return processes() == 4; }));
  slot().kill_all();
  EXPECT_EQ(WTERMSIG(wait_status(parent)), SIGKILL);
  EXPECT_TRUE(eventually([this] { return slot().empty(); }));
}

// Not while a child of the run lives: only init, and beside it the holder of the run's memory.
TEST_F(CgroupTest, IsOver_OnlyWhenInitAndTheHolderAreLeft) {
  limit();
  const pid_t init = start([] { ::pause(); });
  const pid_t holder = start([] { ::pause(); });
  const pid_t child = start([] { ::pause(); });
  ASSERT_TRUE(eventually([this] { return processes() == 3; }));
  EXPECT_FALSE(slot().is_over(init));
  ::kill(child, SIGKILL);
  wait_status(child);
  EXPECT_TRUE(slot().is_over(init));
  ::kill(holder, SIGKILL);
  wait_status(holder);
  EXPECT_TRUE(slot().is_over(init));
  EXPECT_FALSE(slot().is_over(holder));
}

TEST_F(CgroupTest, Renewed_CountsFromNothing) {
  limit();
  const int status = wait_status(start([] { take(256 * kMiB); }));
  EXPECT_TRUE(WIFSIGNALED(status));
  const StepFailure renewed = slot().renew(tree_->places());
  ASSERT_FALSE(renewed) << renewed.step;
  EXPECT_EQ(slot().use().oom_kills, 0);
  EXPECT_LT(slot().use().peak_memory_bytes, kMiB);
}

}  // namespace
}  // namespace mecapy::sandbox
