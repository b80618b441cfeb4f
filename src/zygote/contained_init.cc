#include "zygote/contained_init.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <optional>

#include "sandbox/folder_tree.h"
#include "sandbox/landlock.h"
#include "sandbox/packet.h"
#include "sandbox/privileges.h"
#include "sandbox/process_tree.h"
#include "sandbox/protocol.h"
#include "zygote/report.h"
#include "zygote/run.h"
#include "zygote/write_count.h"

namespace mecapy::zygote {
namespace {

using sandbox::failed;
using sandbox::Passed;
using sandbox::RunReport;
using sandbox::SandboxSetup;
using sandbox::StepFailure;
using sandbox::WatchLimits;
using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookPeriod{10};
constexpr int kLooksPerFolder = 5;  // the folder takes longer to look at
constexpr int kEndingPauseMs = 1;

// Of what the folder holds at the end, this much of the bound counts as full: a write that would
// pass it fails whole.
constexpr double kFull = 0.98;

extern "C" void do_nothing(int) {}

// SIGCHLD only wakes ppoll, where it is not blocked. Not to be lost between two looks.
StepFailure hear_of_children(sigset_t& waiting) {
  struct sigaction wake {};
  wake.sa_handler = do_nothing;
  if (::sigaction(SIGCHLD, &wake, nullptr) != 0) return failed("sigaction");
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  if (::sigprocmask(SIG_BLOCK, &child, &waiting) != 0) return failed("block SIGCHLD");
  ::sigdelset(&waiting, SIGCHLD);
  return {};
}

// In the run: as before hear_of_children.
StepFailure forget_children(const sigset_t& mask) {
  if (::signal(SIGCHLD, SIG_DFL) == SIG_ERR) return failed("reset SIGCHLD");
  if (::sigprocmask(SIG_SETMASK, &mask, nullptr) != 0) return failed("unblock SIGCHLD");
  return {};
}

std::int64_t micros(const timeval& time) { return time.tv_sec * 1'000'000 + time.tv_usec; }

// CPU time of all that has ended and was waited for.
std::int64_t reaped_cpu_us() {
  rusage use{};
  return ::getrusage(RUSAGE_CHILDREN, &use) == 0 ? micros(use.ru_utime) + micros(use.ru_stime) : 0;
}

// The most that one of these had in memory at once, with what it shares.
std::int64_t reaped_peak_bytes() {
  rusage use{};
  return ::getrusage(RUSAGE_CHILDREN, &use) == 0 ? use.ru_maxrss * 1024 : 0;
}

std::int64_t cpu_us_of(pid_t pid) {
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return 0;
  return used.tv_sec * std::int64_t{1'000'000} + used.tv_nsec / 1000;
}

class Watch {
 public:
  Watch(pid_t run, base::Fd ctl, base::Fd orders, base::Fd folder, const sigset_t& waiting)
      : run_(run),
        ctl_(std::move(ctl)),
        orders_(std::move(orders)),
        folder_(std::move(folder)),
        waiting_(waiting),
        tree_(::getpid(), sandbox::template_bytes()) {}

  // Until no process of the run is left.
  void live() {
    while (reap()) {
      if (ending_) end_children();
      if (limits_ && !ending_ && steady_clock::now() >= next_look_) look();
      wait();
    }
  }

  void finish(std::int64_t written_bytes) {
    if (!limits_) hear_late();
    if (limits_) note_folder();
    report_.kind = RunReport::Kind::ended;
    report_.written_bytes = written_bytes;
    if (limits_) note_figures();
    (void)send_report(ctl_.get(), report_);
    (void)sandbox::empty_folder(folder_.get());
  }

 private:
  // False when there is no child any more.
  bool reap() {
    while (true) {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, WNOHANG);
      if (pid == 0) return true;
      if (pid < 0) return errno == EINTR;
      if (pid != run_) continue;
      report_.wait_status = status;
      ending_ = true;  // what it started ends with it
    }
  }

  // The run leads a process group that none of its own can leave (contained_filter.h); it exists
  // for as long as this process has children. Before setsid(2) the run is its only process.
  void end_children() const {
    if (::kill(-run_, SIGKILL) != 0) ::kill(run_, SIGKILL);
  }

  void wait() {
    timespec pause{};
    if (ending_) {
      pause.tv_nsec = kEndingPauseMs * 1'000'000;
    } else if (limits_) {
      const auto left = std::max(next_look_ - steady_clock::now(), steady_clock::duration::zero());
      pause.tv_nsec = std::chrono::nanoseconds(left).count();
    }
    pollfd orders{orders_.get(), POLLIN, 0};  // a negative one is passed over
    const bool for_ever = !ending_ && !limits_;
    if (::ppoll(&orders, 1, for_ever ? nullptr : &pause, &waiting_) > 0) hear();
  }

  void hear() {
    WatchLimits limits;
    if (sandbox::receive_packet(orders_.get(), limits) == sandbox::Received::packet) {
      limits_ = limits;
      cpu_before_us_ = cpu_us_of(run_);
      note(tree_.look(limits_->tasks));
      next_look_ = steady_clock::now() + kLookPeriod;
      return;
    }
    orders_.reset();
    ending_ = true;
  }

  // A short run may be over before its limits are read here.
  void hear_late() {
    pollfd orders{orders_.get(), POLLIN, 0};
    if (::poll(&orders, 1, 0) > 0) hear();
  }

  void look() {
    const sandbox::TreeUse use = tree_.look(limits_->tasks);
    note(use);
    if (use.tasks > limits_->tasks) return pass(Passed::processes);
    if (use.memory_bytes > limits_->memory_bytes) return pass(Passed::memory);
    if (cpu_us() > limits_->cpu_us) return pass(Passed::cpu);
    if (++looks_ % kLooksPerFolder == 0 && past(folder_use())) return pass(Passed::disk);
    next_look_ = steady_clock::now() + kLookPeriod;
  }

  void note(const sandbox::TreeUse& use) {
    cpu_seen_us_ = use.cpu_us;
    shared_bytes_ = use.shared_bytes;
    report_.peak_memory_bytes = std::max(report_.peak_memory_bytes, use.memory_bytes);
    report_.peak_tasks = std::max(report_.peak_tasks, use.tasks);
  }

  sandbox::DiskBounds folder_use() const {
    return sandbox::measure_folder(folder_.get(), limits_->disk);
  }
  bool past(const sandbox::DiskBounds& use) const {
    return use.bytes > limits_->disk.bytes || use.inodes > limits_->disk.inodes;
  }

  void pass(Passed limit) {
    report_.passed = limit;
    report_.disk_full = limit == Passed::disk;
    end_children();
    report_.kind = RunReport::Kind::passed;
    (void)send_report(ctl_.get(), report_);
    ending_ = true;
  }

  std::int64_t cpu_us() const { return std::max(cpu_seen_us_, reaped_cpu_us()) - cpu_before_us_; }

  void note_folder() {
    const sandbox::DiskBounds use = folder_use();
    if (past(use) && report_.passed == Passed::nothing) report_.passed = Passed::disk;
    const auto part_of = [](std::uint64_t bound) {
      return static_cast<std::uint64_t>(kFull * static_cast<double>(bound));
    };
    report_.disk_full = report_.disk_full || use.bytes >= part_of(limits_->disk.bytes) ||
                        use.inodes >= part_of(limits_->disk.inodes);
  }

  void note_figures() {
    report_.cpu_us = std::max<std::int64_t>(cpu_us(), 0);
    // The kernel's own high-water mark sees what came and went between two looks.
    report_.peak_memory_bytes =
        std::max(report_.peak_memory_bytes, reaped_peak_bytes() - shared_bytes_);
  }

  pid_t run_;
  base::Fd ctl_;
  base::Fd orders_;
  base::Fd folder_;
  sigset_t waiting_;
  sandbox::TreeWatch tree_;
  std::optional<WatchLimits> limits_;
  steady_clock::time_point next_look_{};
  int looks_ = 0;
  bool ending_ = false;
  std::int64_t cpu_before_us_ = 0;
  std::int64_t cpu_seen_us_ = 0;
  std::int64_t shared_bytes_ = 0;
  RunReport report_;
};

// No PR_SET_PDEATHSIG: an init that is killed would leave what the run started. The orders' hang-up
// ends it.
StepFailure become_user(std::uint32_t user) {
  if (user != 0) {
    if (::setresgid(user, user, user) != 0) return failed("setresgid");
    if (::setresuid(user, user, user) != 0) return failed("setresuid");
  }
  if (const StepFailure step = sandbox::keep_capabilities({})) return step;
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return failed("PR_SET_DUMPABLE");
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return failed("PR_SET_CHILD_SUBREAPER");
  return {};
}

RunPlace place_of(const SandboxSetup& setup, const std::vector<std::string>& readable) {
  RunPlace place;
  place.folder = std::string(setup.folder.view());
  place.user = ::getuid();
  place.shares_processes = true;
  place.shares_user = setup.user == 0;
  place.files.readable = readable;
  place.files.writable = {"/dev/null", place.folder + "/work", place.folder + "/tmp"};
  return place;
}

[[noreturn]] void be_contained_run(base::Fd ctl, const RunPlace& place, const sigset_t& mask,
                                   const RunKit& kit) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) die(ctl.get(), failed("PR_SET_PDEATHSIG"));
  if (const StepFailure step = forget_children(mask)) die(ctl.get(), step);
  be_run(std::move(ctl), place, kit);
}

}  // namespace

void be_contained_init(base::Fd ctl, const std::vector<std::string>& readable, const RunKit& kit) {
  SandboxSetup setup;
  sandbox::PacketFds fds;
  if (sandbox::receive_packet(ctl.get(), setup, &fds) != sandbox::Received::packet) ::_exit(1);
  base::Fd orders = std::move(fds[0]);
  if (const StepFailure step = become_user(setup.user)) die(ctl.get(), step);
  const RunPlace place = place_of(setup, readable);
  base::Fd folder(::open(place.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) die(ctl.get(), failed("open the run's folder"));
  sigset_t waiting;
  if (const StepFailure step = hear_of_children(waiting)) die(ctl.get(), step);
  const WriteCount writes;
  const pid_t run = ::fork();
  if (run < 0) die(ctl.get(), failed("fork the run"));
  if (run == 0) be_contained_run(std::move(ctl), place, waiting, kit);
  // Python's handlers are copied with the zygote; the wake-up stays.
  if (const StepFailure step = sandbox::reset_signals()) die(ctl.get(), step);
  if (const StepFailure step = hear_of_children(waiting)) die(ctl.get(), step);
  Watch watch(run, std::move(ctl), std::move(orders), std::move(folder), waiting);
  watch.live();
  watch.finish(writes.bytes());
  ::_exit(0);
}

}  // namespace mecapy::zygote
