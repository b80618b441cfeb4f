// Theory of operation.
//
// The supervisor is forked from the front (launch) while that is still root and single-threaded. It
// never executes another program, never runs two threads and never reads a byte that a run wrote.
// It needs its privilege for four things: the template's mounts, the cgroups, the id maps of each
// run, and killing. All other capabilities it gives up at once.
//
// Start: every required layer is tried in a throw-away child (probe.cc); the cgroups are made; the
// zygote is started in the template and has loaded Python; only then the front hears `ready`.
// Anything else is `refused` with the reason. There is no weaker mode.
//
// A run: the front sends start with the run's two pipes. The supervisor limits the slot's cgroup
// and hands pipes and a ctl socket to the zygote, which clones init into new namespaces as a child
// of the supervisor. While init waits, the supervisor puts it into the cgroup and maps its user;
// then init mounts, forks the run and waits for it, and the run takes away from itself what it no
// longer needs. The run says `ready` on ctl, closes it, and only then reads the author's code. Init
// reports how the run ended and ends itself; with pid 1 of its pid namespace all other processes of
// the run die. One `ended` goes to the front when init is reaped and the cgroup is empty (slot.cc).
//
// Ends: wall deadline, CPU time, OOM and the front's kill all come down to SIGKILL for init. When
// the zygote dies, runs that exist go on; those it had not cloned yet end as zygote_died, and a new
// zygote is started, with a growing pause between failures. When the front's socket hangs up, the
// front is gone: everything is killed, the cgroups are removed, the supervisor exits. A supervisor
// that is killed takes zygote and runs with it by PR_SET_PDEATHSIG.
#include "sandbox/supervisor.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "sandbox/packet.h"
#include "sandbox/privileges.h"
#include "sandbox/protocol.h"
#include "sandbox/slot.h"
#include "sandbox/zygote_process.h"

namespace mecapy::sandbox {
namespace {

using base::Fd;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kFront = 3;  // where the supervisor keeps its socket to the front
constexpr int kMaxZygoteFailures = 5;
constexpr milliseconds kFirstPause{100};
constexpr std::uint64_t kTagFront = ~0ULL;
constexpr std::uint64_t kTagZygote = ~0ULL - 1;
constexpr std::uint64_t kTagSignal = ~0ULL - 2;  // other tags: the slot's number

class Supervisor {
 public:
  Supervisor(const Options& options, std::unique_ptr<CgroupTree> cgroups, ZygoteProcess zygote)
      : options_(options), cgroups_(std::move(cgroups)), zygote_(std::move(zygote)) {
    for (int k = 0; k < options_.slots; ++k) {
      slots_.emplace_back(options_.uid_base + 1 + static_cast<std::uint32_t>(k), cgroups_->slot(k),
                          cgroups_->places());
    }
  }

  StepFailure open();
  // Until the front is gone.
  void run();

 private:
  StepFailure watch(int fd, std::uint64_t tag);
  int pause_ms() const;
  void handle(const epoll_event& event);
  void front_readable();
  void start(const FrontRequest& request, std::array<Fd, kMaxPacketFds>& fds);
  void refuse(std::uint64_t run, const StepFailure& step);
  void zygote_readable();
  void zygote_died();
  void revive_zygote();
  void reap();
  void drain_signals();
  void drop_strays();
  void tell(const FrontReply& reply);
  bool outstanding() const;
  void end_everything();
  Slot* find(std::uint64_t run);

  const Options& options_;
  std::unique_ptr<CgroupTree> cgroups_;
  ZygoteProcess zygote_;
  std::deque<Slot> slots_;
  Fd epoll_;
  Fd signals_;
  bool front_gone_ = false;
  int zygote_failures_ = 0;
  SteadyTime revive_at_ = SteadyTime::max();
};

StepFailure Supervisor::open() {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  if (::sigprocmask(SIG_BLOCK, &child, nullptr) != 0) return failed("block SIGCHLD");
  signals_ = Fd(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return failed("signalfd");
  epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return failed("epoll_create1");
  if (::fcntl(kFront, F_SETFL, O_NONBLOCK) != 0) return failed("fcntl");
  if (const StepFailure step = watch(kFront, kTagFront)) return step;
  if (const StepFailure step = watch(signals_.get(), kTagSignal)) return step;
  return watch(zygote_.socket.get(), kTagZygote);
}

StepFailure Supervisor::watch(int fd, std::uint64_t tag) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return failed("epoll_ctl");
  return {};
}

int Supervisor::pause_ms() const {
  const SteadyTime now = steady_clock::now();
  SteadyTime next = revive_at_;
  for (const Slot& slot : slots_) next = std::min(next, slot.next_check(now));
  if (next == SteadyTime::max()) return -1;
  const auto left = std::chrono::ceil<milliseconds>(next - now).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void Supervisor::run() {
  std::array<epoll_event, 64> events;
  while (!front_gone_) {
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), pause_ms());
    if (count < 0 && errno != EINTR) break;
    for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
    const SteadyTime now = steady_clock::now();
    for (Slot& slot : slots_) {
      slot.check(now);
      if (slot.zygote_is_late(now) && zygote_.pid > 0) ::kill(zygote_.pid, SIGKILL);
    }
    reap();
    if (now >= revive_at_) revive_zygote();
  }
  end_everything();
}

void Supervisor::handle(const epoll_event& event) {
  switch (event.data.u64) {
    case kTagFront:
      return front_readable();
    case kTagZygote:
      return zygote_readable();
    case kTagSignal:
      return drain_signals();
    default:
      break;
  }
  Slot& slot = slots_[event.data.u64];
  if (!slot.hear(steady_clock::now())) return;
  FrontReply started;
  started.kind = FrontReply::Kind::started;
  started.run = slot.run();
  started.setup_us = slot.setup_us();
  tell(started);
}

void Supervisor::drain_signals() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) > 0) {
  }
}

void Supervisor::front_readable() {
  while (!front_gone_) {
    FrontRequest request;
    std::array<Fd, kMaxPacketFds> fds;
    const Received got = receive_packet(kFront, request, &fds);
    if (got == Received::nothing) return;
    if (got == Received::closed) {
      front_gone_ = true;
    } else if (request.kind == FrontRequest::Kind::start) {
      start(request, fds);
    } else if (Slot* slot = find(request.run)) {
      slot->kill_for_front();
    }
  }
}

Slot* Supervisor::find(std::uint64_t run) {
  for (Slot& slot : slots_) {
    if (slot.state() != Slot::State::free && slot.run() == run) return &slot;
  }
  return nullptr;
}

void Supervisor::refuse(std::uint64_t run, const StepFailure& step) {
  FrontReply reply;
  reply.kind = FrontReply::Kind::ended;
  reply.run = run;
  reply.exit = static_cast<std::uint8_t>(Evidence::Exit::setup_failed);
  reply.status = step.error;
  reply.text.set(step.step);
  tell(reply);
}

void Supervisor::start(const FrontRequest& request, std::array<Fd, kMaxPacketFds>& fds) {
  const auto free = std::ranges::find_if(
      slots_, [](const Slot& slot) { return slot.state() == Slot::State::free; });
  if (free == slots_.end()) return refuse(request.run, failed("find a free slot", EBUSY));
  Fd far_ctl;
  if (free->begin(request, steady_clock::now(), far_ctl)) return;  // reap() tells
  if (const StepFailure step =
          watch(free->ctl(), static_cast<std::uint64_t>(free - slots_.begin()))) {
    return free->not_cloned(step.error);
  }
  const int passed[] = {far_ctl.get(), fds[0].get(), fds[1].get()};
  if (!zygote_.socket || !send_packet(zygote_.socket.get(), ZygoteRequest{request.run}, passed)) {
    free->not_cloned(0);
  }
}

void Supervisor::zygote_readable() {
  while (zygote_.socket) {
    ZygoteReply reply;
    const Received got = receive_packet(zygote_.socket.get(), reply);
    if (got == Received::nothing) return;
    if (got == Received::closed) return zygote_died();
    if (reply.kind == ZygoteReply::Kind::ready) continue;
    if (reply.kind == ZygoteReply::Kind::failed) return zygote_died();
    zygote_failures_ = 0;
    Slot* slot = find(reply.run);
    if (slot == nullptr) {
      if (reply.pid > 0) ::kill(reply.pid, SIGKILL);
    } else if (reply.pid > 0) {
      slot->cloned(reply.pid);
    } else {
      slot->not_cloned(reply.error);
    }
  }
}

void Supervisor::zygote_died() {
  zygote_.socket.reset();
  if (zygote_.pid > 0) {
    ::kill(zygote_.pid, SIGKILL);
    ::waitpid(zygote_.pid, nullptr, 0);
    zygote_.pid = -1;
  }
  for (Slot& slot : slots_) {
    if (slot.waits_for_zygote()) slot.not_cloned(0);
  }
  revive_at_ = steady_clock::now() + kFirstPause * ((1 << zygote_failures_) - 1);
}

void Supervisor::revive_zygote() {
  revive_at_ = SteadyTime::max();
  std::string error;
  ++zygote_failures_;
  // Not waited for: the limits of running runs must be kept meanwhile. It reads requests when
  // ready.
  if (spawn_zygote(options_, zygote_, error) && !watch(zygote_.socket.get(), kTagZygote)) return;
  if (zygote_failures_ >= kMaxZygoteFailures) {
    front_gone_ = true;  // a sandbox without a zygote is none: the front sees the hang-up
    return;
  }
  zygote_died();
}

bool Supervisor::outstanding() const {
  return std::ranges::any_of(slots_, [](const Slot& slot) { return slot.waits_for_zygote(); });
}

// An init whose pid the zygote did not live to tell: it ends at the hang-up of its ctl.
void Supervisor::drop_strays() {
  if (outstanding()) return;
  while (true) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    const pid_t pid = info.si_pid;
    if (pid == zygote_.pid) return;  // its socket hangs up too
    const bool known = std::ranges::any_of(slots_, [&](const Slot& s) { return s.init() == pid; });
    if (known) return;
    ::waitpid(pid, nullptr, WNOHANG);
  }
}

void Supervisor::reap() {
  const SteadyTime now = steady_clock::now();
  for (Slot& slot : slots_) {
    if (slot.reap(now)) tell(slot.finish());
  }
  drop_strays();
}

void Supervisor::tell(const FrontReply& reply) {
  // The front can have two events per slot unread; more than its socket holds means it is broken.
  if (!send_packet(kFront, reply)) front_gone_ = true;
}

void Supervisor::end_everything() {
  for (Slot& slot : slots_) slot.kill_for_front();
  zygote_died();
  const SteadyTime deadline = steady_clock::now() + std::chrono::seconds(5);
  const auto busy = [](const Slot& slot) { return slot.state() != Slot::State::free; };
  while (steady_clock::now() < deadline && std::ranges::any_of(slots_, busy)) {
    for (Slot& slot : slots_) {
      if (slot.reap(steady_clock::now())) (void)slot.finish();
    }
    drop_strays();
    ::usleep(1000);
  }
}

// Only what the template, the id maps, the cgroups and killing need (capabilities(7)).
StepFailure drop_privileges() {
  return keep_capabilities({CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL,
                            CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER});
}

StepFailure become_supervisor(int front, pid_t parent) {
  if (const StepFailure step = reset_signals()) return step;
  ::setsid();  // no terminal: Ctrl-C is the front's business
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(signal, SIG_IGN);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return failed("PR_SET_PDEATHSIG");
  if (::getppid() != parent) return failed("the front died", ESRCH);
  ::prctl(PR_SET_NAME, "mecapy-superv");
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return failed("open /dev/null");
  if (::dup2(null.get(), 0) < 0 || ::dup2(null.get(), 1) < 0) return failed("dup2");
  if (front != kFront && ::dup3(front, kFront, O_CLOEXEC) < 0) return failed("dup3");
  if (::close_range(kFront + 1, ~0U, 0) != 0) return failed("close_range");
  if (::chdir("/") != 0) return failed("chdir");
  return {};
}

std::string complaint(const StepFailure& step) {
  return std::string("the supervisor cannot start: ") + step.step + ": " +
         std::strerror(step.error);
}

// The first required layer that is not enforced, in words; empty when there is none.
std::string missing_layer(const std::vector<Layer>& layers) {
  for (const Layer& layer : layers) {
    if (!layer.required || layer.state == Layer::State::enforced) continue;
    return "isolation layer not available: " + layer.name + ": " + layer.detail + ". " +
           layer.advice;
  }
  return {};
}

[[noreturn]] void refuse_to_start(int socket, const std::string& why) {
  FrontReply reply;
  reply.kind = FrontReply::Kind::refused;
  reply.text.set(why);
  (void)send_packet(socket, reply);
  ::_exit(1);
}

}  // namespace

void supervise(int front, pid_t parent, const Options& options) {
  const Options kept = options;
  if (const StepFailure step = become_supervisor(front, parent)) {
    refuse_to_start(front, complaint(step));
  }
  if (const std::string why = missing_layer(probe_layers(kept)); !why.empty()) {
    refuse_to_start(kFront, why);
  }
  std::unique_ptr<CgroupTree> cgroups;
  if (const StepFailure step = CgroupTree::make(kept.slots, cgroups)) {
    cgroups.reset();
    refuse_to_start(kFront, complaint(step));
  }
  if (const StepFailure step = drop_privileges()) {
    cgroups.reset();
    refuse_to_start(kFront, complaint(step));
  }
  ZygoteProcess zygote;
  std::string error;
  if (!spawn_zygote(kept, zygote, error) || !wait_until_ready(zygote, error)) {
    cgroups.reset();
    refuse_to_start(kFront, error);
  }
  {
    Supervisor supervisor(kept, std::move(cgroups), std::move(zygote));
    if (const StepFailure step = supervisor.open()) refuse_to_start(kFront, complaint(step));
    FrontReply ready;
    if (send_packet(kFront, ready)) supervisor.run();
  }
  ::_exit(0);
}

}  // namespace mecapy::sandbox
