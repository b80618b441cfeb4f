#include "sandbox/slot.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <string>
#include <utility>

#include "sandbox/kernel_file.h"
#include "sandbox/packet.h"

namespace mecapy::sandbox {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

constexpr auto kSetupDeadline = std::chrono::seconds(10);
constexpr auto kPollPeriod = std::chrono::milliseconds(100);  // of looks at what a run has used
constexpr auto kClearPeriod = std::chrono::milliseconds(2);   // a cgroup about to be empty

std::int64_t micros(SteadyTime from, SteadyTime to) {
  return duration_cast<microseconds>(to - from).count();
}

SteadyTime time_of(const RunReport& report) {
  return SteadyTime(SteadyTime::duration(report.at_ns));
}

std::int64_t cpu_of(const rusage& use) {
  return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * std::int64_t{1'000'000} +
         use.ru_utime.tv_usec + use.ru_stime.tv_usec;
}

RunGo go_of(const model::Limits& limits) {
  RunGo go;
  go.disk = disk_of(limits);
  go.cpu_seconds = static_cast<std::uint64_t>(std::ceil(cpu_bound_s(limits)));
  go.blas_threads = static_cast<std::uint32_t>(std::ceil(limits.cpus));
  return go;
}

}  // namespace

bool Slot::is_spare() const {
  return !claimed_ && ctl_ &&  // hung up: it died while it waited
         (state_ == State::asked || state_ == State::preparing || state_ == State::prepared);
}

StepFailure Slot::prepare(ZygoteKind kind, std::uint64_t ticket, SteadyTime now,
                          base::Fd& far_ctl) {
  kind_ = kind;
  ticket_ = ticket;
  state_ = State::asked;
  init_ = -1;
  ready_ = ended_ = {};
  deadline_ = now + kSetupDeadline;
  claimed_ = newly_ready_ = reported_ = faulted_ = waits_for_zygote_ = false;
  start_ = {};
  end_ = {};
  end_.kind = FrontReply::Kind::ended;
  StepFailure step = keeper_->renew();
  if (!step) step = open_ctl(far_ctl);
  if (step) fail_setup(step);
  waits_for_zygote_ = !step;
  return step;
}

void Slot::claim(Start start) {
  start_ = std::move(start);
  claimed_ = true;
  end_.run = run();
  if (state_ == State::prepared) go();
}

StepFailure Slot::open_ctl(base::Fd& far) {
  int pair[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return failed("socketpair");
  }
  ctl_ = base::Fd(pair[0]);
  far = base::Fd(pair[1]);
  if (::fcntl(ctl_.get(), F_SETFL, O_NONBLOCK) != 0) return failed("fcntl");
  return {};
}

// The prepared sandbox gets its run.
void Slot::go() {
  state_ = State::starting;
  deadline_ = start_.received + kSetupDeadline;
  RunGo order = go_of(start_.request.limits);
  if (const StepFailure step = keeper_->limit(start_.request.limits, order)) {
    return fail_setup(step);
  }
  const int fds[] = {start_.fds[0].get(), start_.fds[1].get()};
  const bool sent = send_packet(ctl_.get(), order, fds);
  if (!sent) return fail_setup(failed("let the run go"));
  start_.fds = {};
}

void Slot::cloned(pid_t init) {
  init_ = init;
  waits_for_zygote_ = false;
  // The zygote is trusted with nothing: the pid must be a child of ours, and then it stays init's
  // until it is reaped.
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(init), &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
    init_ = -1;
    fail_setup(failed("find init among the children"));
    return;
  }
  if (state_ != State::asked) return kill();  // killed or out of time while the zygote worked
  state_ = State::preparing;
  const StepFailure step = keeper_->admit(init_, ctl_.get(), disk_of(model::Limits{}));
  if (step) fail_setup(step);
}

void Slot::not_cloned(int error) {
  waits_for_zygote_ = false;
  fail_setup(failed("clone init", error));
}

std::optional<Start> Slot::take_run_back() {
  if (!claimed_ || end_.kill_requested) return std::nullopt;
  claimed_ = false;
  return std::exchange(start_, {});
}

void Slot::fail_setup(const StepFailure& step) {
  if (!faulted_) {
    faulted_ = true;
    end_.exit = Evidence::Exit::setup_failed;
    end_.status = step.error;
    if (step.step != nullptr) end_.text.set(step.step);
  }
  kill();
}

void Slot::kill() {
  if (state_ == State::free) return;
  if (init_ > 0) keeper_->end(init_);
  start_.fds = {};
  state_ = State::clearing;
}

void Slot::hear() {
  while (ctl_) {
    RunReport report;
    const Received got = receive_packet(ctl_.get(), report);
    if (got == Received::nothing) break;
    if (got == Received::packet) {
      take(report);
    } else {
      ctl_.reset();  // init is gone or going; reap() has the rest
    }
  }
}

void Slot::take(const RunReport& report) {
  switch (report.kind) {
    case RunReport::Kind::failed:
      if (!faulted_) end_.text.set(report.step.view());
      return fail_setup({nullptr, report.error});
    case RunReport::Kind::prepared:
      if (state_ != State::preparing) return;
      state_ = State::prepared;
      if (claimed_) go();
      return;
    case RunReport::Kind::ready:
      if (state_ == State::starting) return become_ready(report);
      // Killed before this was heard: the author's code had begun all the same, and may have ended.
      if (state_ == State::clearing && claimed_ && !faulted_) ready_ = time_of(report);
      return;
    case RunReport::Kind::passed:
      note_figures(report);
      return kill();
    case RunReport::Kind::ended:
      note_figures(report);
      return note_end(report);
  }
}

void Slot::become_ready(const RunReport& report) {
  if (state_ == State::starting) state_ = State::running;
  newly_ready_ = true;
  ready_ = time_of(report);
  deadline_ = ready_ + duration_cast<std::chrono::steady_clock::duration>(
                           std::chrono::duration<double>(start_.request.limits.timeout_s));
  next_look_ = ready_ + kPollPeriod;
  end_.setup_us = micros(start_.received, ready_);
}

void Slot::note_figures(const RunReport& report) {
  if (report.passed != Passed::nothing) end_.passed = report.passed;
  end_.peak_memory_bytes = report.peak_memory_bytes;
  end_.peak_tasks = report.peak_tasks;
  if (report.cpu_us >= 0) end_.cpu_us = report.cpu_us;
}

void Slot::note_end(const RunReport& report) {
  if (ready_ == SteadyTime{} && !end_.kill_requested) {
    end_.text.set("the prepared process died");
    return fail_setup({nullptr, ECHILD});
  }
  reported_ = true;
  end_.written_bytes = report.written_bytes;
  state_ = State::clearing;
  ended_ = time_of(report);
  end_.disk_full = report.disk_full;
  const int status = report.wait_status;
  const bool by_signal = WIFSIGNALED(status);
  end_.exit = by_signal ? Evidence::Exit::signalled : Evidence::Exit::exited;
  end_.status = by_signal ? WTERMSIG(status) : WEXITSTATUS(status);
}

bool Slot::take_newly_ready() { return std::exchange(newly_ready_, false); }

void Slot::kill_for_front() {
  if (state_ == State::free || state_ == State::clearing) return;
  end_.kill_requested = true;
  kill();
}

void Slot::check(SteadyTime now) {
  if (state_ == State::free || state_ == State::prepared || state_ == State::clearing) return;
  if (state_ != State::running) {
    if (now >= deadline_) fail_setup(failed("the set-up took more than 10 s", ETIMEDOUT));
    return;
  }
  if (now >= deadline_) {
    end_.deadline_fired = true;
    return kill();
  }
  if (now < next_look_) return;
  next_look_ = now + kPollPeriod;
  const GroupUse use = keeper_->use();
  if (use.oom_kills > 0) {
    kill();  // v1 kills one process of the group; a run without one of its own is not a run
  } else if (use.cpu_us > static_cast<std::int64_t>(cpu_bound_s(start_.request.limits) * 1e6)) {
    end_.cpu_fired = true;
    kill();
  }
}

SteadyTime Slot::next_check(SteadyTime now) const {
  switch (state_) {
    case State::free:
    case State::prepared:
      return SteadyTime::max();
    case State::asked:
    case State::preparing:
    case State::starting:
      return deadline_;
    case State::running:
      return std::min(deadline_, next_look_);
    case State::clearing:
      return now + (init_ > 0 ? kPollPeriod : kClearPeriod);
  }
  return now;
}

void Slot::init_gone(int wait_status, std::int64_t cpu_us, SteadyTime now) {
  if (ended_ == SteadyTime{}) ended_ = now;
  init_ = -1;
  ctl_.reset();
  if (end_.cpu_us == 0) end_.cpu_us = cpu_us;
  state_ = State::clearing;
  if (reported_ || faulted_) return;
  const bool was_ready = ready_ != SteadyTime{};
  if (!was_ready && !end_.kill_requested) {
    faulted_ = true;
    end_.exit = Evidence::Exit::setup_failed;
    end_.status = ECHILD;
    end_.text.set("init of the run died");
    return;
  }
  end_.exit = Evidence::Exit::signalled;
  end_.status = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : SIGKILL;
}

bool Slot::cleared() const {
  if (keeper_->empty()) return true;
  keeper_->kill_all();
  return false;
}

bool Slot::reap(SteadyTime now) {
  if (state_ == State::free) return false;
  if (waits_for_zygote_) return false;  // an init may exist whose pid is still to come
  if (init_ > 0) {
    int status = 0;
    rusage use{};
    if (::wait4(init_, &status, WNOHANG, &use) != init_) {
      // Init has told the end: what the kernel still has to take down keeps nobody waiting.
      if (claimed_ && reported_ && keeper_->is_over(init_)) return true;
      if (reported_) keeper_->end(init_);
      return false;
    }
    hear();  // what init said before it went
    init_gone(status, cpu_of(use), now);
  }
  if (state_ != State::clearing || !cleared()) return false;
  if (!claimed_) state_ = State::free;
  return claimed_;
}

FrontReply Slot::finish() {
  const GroupUse use = keeper_->use();
  end_.oom_kills = use.oom_kills;
  end_.pids_refused = use.pids_refused;
  end_.peak_memory_bytes = std::max(end_.peak_memory_bytes, use.peak_memory_bytes);
  if (use.cpu_us >= 0) end_.cpu_us = use.cpu_us;
  if (ready_ != SteadyTime{}) end_.wall_us = micros(ready_, ended_);
  claimed_ = false;
  if (init_ > 0) ::kill(init_, SIGKILL);  // alone; freed once it is reaped
  state_ = init_ > 0 ? State::clearing : State::free;
  return end_;
}

}  // namespace mecapy::sandbox
