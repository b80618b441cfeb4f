#include "sandbox/supervisor_loop.h"

#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>

namespace mecapy::sandbox {
namespace {

using base::Fd;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kMaxZygoteFailures = 5;
constexpr milliseconds kFirstPause{100};
constexpr std::uint64_t kTagFront = ~0ULL;
constexpr std::uint64_t kTagZygote = ~0ULL - 1;
constexpr std::uint64_t kTagSignal = ~0ULL - 2;  // other tags: the slot's number

}  // namespace

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

}  // namespace mecapy::sandbox
