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
constexpr int kLongestPause = 6;  // 2^6 first pauses
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
  SteadyTime next = std::min(revive_at_, refill_at_ > now ? refill_at_ : SteadyTime::max());
  for (const Slot& slot : slots_) next = std::min(next, slot.next_check(now));
  if (next == SteadyTime::max()) return -1;
  const auto left = std::chrono::ceil<milliseconds>(next - now).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void Supervisor::run() {
  std::array<epoll_event, 64> events;
  refill();
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
    place_waiting();
    refill();
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
  slot.hear(steady_clock::now());
  tell_started(slot);
}

void Supervisor::tell_started(Slot& slot) {
  if (!slot.take_newly_ready()) return;
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
    PacketFds fds;
    const Received got = receive_packet(kFront, request, &fds);
    if (got == Received::nothing) return;
    if (got == Received::closed) {
      front_gone_ = true;
    } else if (request.kind == FrontRequest::Kind::start) {
      waiting_.push_back({request, std::move(fds), steady_clock::now()});
      place_waiting();
    } else {
      kill_run(request.run);
    }
  }
}

void Supervisor::kill_run(std::uint64_t run) {
  if (Slot* slot = find_run(run)) return slot->kill_for_front();
  const auto it = std::ranges::find(waiting_, run, [](const Start& s) { return s.request.run; });
  if (it == waiting_.end()) return;
  waiting_.erase(it);
  FrontReply reply;
  reply.kind = FrontReply::Kind::ended;
  reply.run = run;
  reply.exit = static_cast<std::uint8_t>(Evidence::Exit::signalled);
  reply.status = SIGKILL;
  reply.kill_requested = true;
  tell(reply);
}

Slot* Supervisor::find_run(std::uint64_t run) {
  const auto it =
      std::ranges::find_if(slots_, [&](const Slot& s) { return s.claimed() && s.run() == run; });
  return it == slots_.end() ? nullptr : &*it;
}

Slot* Supervisor::find_ticket(std::uint64_t ticket) {
  const auto it = std::ranges::find_if(slots_, [&](const Slot& s) {
    return s.state() != Slot::State::free && s.ticket() == ticket;
  });
  return it == slots_.end() ? nullptr : &*it;
}

bool Supervisor::place(Start& start) {
  using enum Slot::State;
  for (const Slot::State state : {prepared, preparing, asked}) {
    const auto spare = std::ranges::find_if(
        slots_, [&](const Slot& slot) { return slot.is_spare() && slot.state() == state; });
    if (spare == slots_.end()) continue;
    spare->claim(std::move(start));
    return true;
  }
  const auto empty =
      std::ranges::find_if(slots_, [](const Slot& slot) { return slot.state() == free; });
  if (empty == slots_.end() || !zygote_.socket) return false;  // a new zygote is on its way
  (void)prepare(*empty);
  empty->claim(std::move(start));  // a failure to prepare is this run's: reap() tells
  return true;
}

void Supervisor::place_waiting() {
  while (!waiting_.empty() && place(waiting_.front())) waiting_.pop_front();
}

bool Supervisor::prepare(Slot& slot) {
  Fd far_ctl;
  if (slot.prepare(next_ticket_++, steady_clock::now(), far_ctl)) return false;
  const auto number = static_cast<std::uint64_t>(
      std::ranges::find(slots_, &slot, [](const Slot& s) { return &s; }) - slots_.begin());
  if (const StepFailure step = watch(slot.ctl(), number)) {
    slot.not_cloned(step.error);
    return false;
  }
  const int passed[] = {far_ctl.get()};
  if (!zygote_.socket || !send_packet(zygote_.socket.get(), ZygoteRequest{slot.ticket()}, passed)) {
    slot.not_cloned(0);
    return false;
  }
  return true;
}

void Supervisor::note_spare_gone(const Slot& slot) {
  if (!slot.is_faulty()) {
    failed_spares_ = 0;
    return;
  }
  failed_spares_ = std::min(failed_spares_ + 1, kLongestPause);
  refill_at_ = steady_clock::now() + kFirstPause * (1 << failed_spares_);
}

int Supervisor::spares() const {
  return static_cast<int>(std::ranges::count_if(slots_, &Slot::is_spare));
}

int Supervisor::running() const {
  return static_cast<int>(std::ranges::count_if(slots_, &Slot::claimed));
}

// Prepares sandboxes ahead: one more than the runs there are now, as long as they may be used.
// After failures it pauses, longer each time; a run that comes meanwhile tries at once and says why
// not.
void Supervisor::refill() {
  if (steady_clock::now() < refill_at_ || !zygote_.socket) return;
  const int wanted = std::min(options_.slots, running() + 1);
  for (Slot& slot : slots_) {
    if (spares() >= wanted) return;
    if (slot.state() == Slot::State::free && !prepare(slot)) return;
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
    Slot* slot = find_ticket(reply.ticket);
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
    const bool was_spare = !slot.claimed() && slot.state() != Slot::State::free;
    if (slot.reap(now)) {
      tell_started(slot);
      tell(slot.finish());
    } else if (was_spare && slot.state() == Slot::State::free) {
      note_spare_gone(slot);
    }
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
