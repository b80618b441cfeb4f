#include "sandbox/supervisor_loop.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>

#include "sandbox/process_tree.h"

namespace mecapy::sandbox {
namespace {

using base::Fd;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kFirstPause{100};
constexpr int kLongestPause = 6;  // 2^6 first pauses
constexpr std::uint64_t kTagFront = ~0ULL;
constexpr std::uint64_t kTagSignal = ~0ULL - 1;
constexpr std::uint64_t kTagZygote =
    ~0ULL - 1 - kZygoteKinds;  // and its kind; else: a slot's number
// How long after a run another of its kind is expected.
constexpr std::chrono::seconds kDemand{60};

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
  return zygotes_->watch_with(
      [this](int fd, ZygoteKind kind) { return watch(fd, kTagZygote + index_of(kind)); });
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
  SteadyTime next =
      std::min(zygotes_->next_tend(now), refill_at_ > now ? refill_at_ : SteadyTime::max());
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
      if (slot.zygote_is_late(now)) zygotes_->kill(slot.kind());
    }
    reap();
    tend_zygotes();
    place_waiting();
    refill();
  }
  end_everything();
}

void Supervisor::handle(const epoll_event& event) {
  switch (event.data.u64) {
    case kTagFront:
      return front_readable();
    case kTagSignal:
      return drain_signals();
    default:
      break;
  }
  if (event.data.u64 >= kTagZygote) {
    return zygote_readable(static_cast<ZygoteKind>(event.data.u64 - kTagZygote));
  }
  Slot& slot = slots_[event.data.u64];
  slot.hear();
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
    } else if (request.kind == FrontRequest::Kind::kill) {
      kill_run(request.run);
    } else {
      FrontReply pong;
      pong.kind = FrontReply::Kind::pong;
      pong.zygote_memory = zygotes_->memory();
      pong.spare_memory = spare_memory();
      tell(pong);
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
  reply.exit = Evidence::Exit::signalled;
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

Slot* Supervisor::find_free() {
  const auto it = std::ranges::find(slots_, Slot::State::free, &Slot::state);
  return it == slots_.end() ? nullptr : &*it;
}

bool Supervisor::place(Start& start) {
  using enum Slot::State;
  const SteadyTime now = steady_clock::now();
  const ZygoteKind wanted = start.request.zygote;
  demanded_[index_of(wanted)] = now;
  const auto kind = zygotes_->best_for(wanted, now);
  for (const Slot::State state : {prepared, preparing, asked}) {
    const auto spare = std::ranges::find_if(slots_, [&](const Slot& slot) {
      return slot.is_spare() && slot.state() == state && (!kind || slot.kind() == *kind);
    });
    if (spare == slots_.end()) continue;
    spare->claim(std::move(start));
    return true;
  }
  if (!kind) return false;  // a new zygote is on its way
  Slot* const empty = find_free();
  if (empty == nullptr) {
    make_room();
    return false;
  }
  // A zygote that turns out to be dead: the run waits for the next.
  if (!prepare(*empty, *kind) && !zygotes_->is_ready(*kind)) return false;
  empty->claim(std::move(start));  // a failure to prepare is this run's: reap() tells
  return true;
}

// A spare more than its kind should have gives way; for a run that waits, any.
void Supervisor::make_room() {
  const auto more_than_enough = [this](const Slot& slot) {
    return slot.is_spare() && spares(slot.kind()) > wanted(slot.kind());
  };
  auto spare = std::ranges::find_if(slots_, more_than_enough);
  if (spare == slots_.end() && !waiting_.empty())
    spare = std::ranges::find_if(slots_, &Slot::is_spare);
  if (spare != slots_.end()) spare->kill();
}

void Supervisor::place_waiting() {
  while (!waiting_.empty() && place(waiting_.front())) waiting_.pop_front();
}

bool Supervisor::prepare(Slot& slot, ZygoteKind kind) {
  Fd far_ctl;
  if (slot.prepare(kind, next_ticket_++, steady_clock::now(), far_ctl)) return false;
  const auto number = static_cast<std::uint64_t>(
      std::ranges::find(slots_, &slot, [](const Slot& s) { return &s; }) - slots_.begin());
  if (const StepFailure step = watch(slot.ctl(), number)) {
    slot.not_cloned(step.error);
    return false;
  }
  std::vector<int> fds = slot.namespaces();
  fds.insert(fds.begin(), far_ctl.get());
  if (!zygotes_->ask(kind, slot.ticket(), fds)) {
    slot.not_cloned(ECHILD);
    zygote_died(kind);
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

int Supervisor::spares(ZygoteKind kind) const {
  return static_cast<int>(std::ranges::count_if(
      slots_, [&](const Slot& slot) { return slot.is_spare() && slot.kind() == kind; }));
}

int Supervisor::running(ZygoteKind kind) const {
  return static_cast<int>(std::ranges::count_if(
      slots_, [&](const Slot& slot) { return slot.claimed() && slot.kind() == kind; }));
}

std::int64_t Supervisor::spare_memory() const {
  std::int64_t bytes = 0;
  for (const Slot& slot : slots_) {
    if (slot.is_spare()) bytes += zygotes_->copied_by(slot.kind());
  }
  return bytes;
}

// One spare more than the runs of this kind there are now, and no more than may run; of a kind that
// nobody asked for of late, one of those that are always there.
int Supervisor::wanted(ZygoteKind kind) const {
  if (!zygotes_->is_ready(kind)) return 0;
  const bool demanded = steady_clock::now() - demanded_[index_of(kind)] < kDemand;
  return demanded ? std::min(options_.slots, running(kind) + 1) : is_always_there(kind) ? 1 : 0;
}

// After failures it pauses, longer each time; a run that comes meanwhile tries at once and says why
// not.
void Supervisor::refill() {
  if (steady_clock::now() < refill_at_) return;
  for (const ZygoteRow& row : kZygoteTable) refill(row.kind);
}

void Supervisor::refill(ZygoteKind kind) {
  const auto all = [this] { return std::ranges::count_if(slots_, &Slot::is_spare); };
  for (int missing = wanted(kind) - spares(kind); missing > 0; --missing) {
    if (all() >= options_.spares()) make_room();
    Slot* const empty = find_free();
    if (empty == nullptr || all() >= options_.spares() || !prepare(*empty, kind)) return;
  }
}

void Supervisor::zygote_readable(ZygoteKind kind) {
  while (const auto reply = zygotes_->next(kind)) {
    if (reply->kind == ZygoteReply::Kind::ready) continue;
    if (reply->kind == ZygoteReply::Kind::failed) return zygote_died(kind);
    Slot* slot = find_ticket(reply->ticket);
    if (slot == nullptr) {
      if (reply->pid > 0) ::kill(reply->pid, SIGKILL);
    } else if (reply->pid > 0) {
      slot->cloned(reply->pid);
    } else {
      slot->not_cloned(reply->error);
    }
  }
}

void Supervisor::zygote_died(ZygoteKind kind) {
  zygotes_->end(kind, steady_clock::now());
  for (Slot& slot : slots_) {
    if (!slot.waits_for_zygote() || slot.kind() != kind) continue;
    if (auto start = slot.take_run_back()) waiting_.push_back(std::move(*start));
    slot.not_cloned(ECHILD);
  }
}

void Supervisor::tend_zygotes() {
  const SteadyTime now = steady_clock::now();
  const auto worn = zygotes_->tend(now);
  if (worn && !outstanding(*worn)) {
    zygotes_->end(*worn, now);
    // They are of the old template, and hold it.
    for (Slot& slot : slots_) {
      if (slot.is_spare() && slot.kind() == *worn) slot.kill();
    }
  }
  if (zygotes_->hopeless()) front_gone_ = true;  // the front sees the hang-up
}

bool Supervisor::outstanding() const {
  return std::ranges::any_of(slots_, &Slot::waits_for_zygote);
}

bool Supervisor::outstanding(ZygoteKind kind) const {
  return std::ranges::any_of(
      slots_, [&](const Slot& slot) { return slot.waits_for_zygote() && slot.kind() == kind; });
}

// An init whose pid the zygote did not live to tell: it ends at the hang-up of its ctl.
void Supervisor::drop_strays() {
  if (outstanding()) return;
  while (true) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    const pid_t pid = info.si_pid;
    if (is_known(pid)) return;  // a zygote's socket hangs up too
    ::waitpid(pid, nullptr, WNOHANG);
  }
}

bool Supervisor::is_known(pid_t child) const {
  return zygotes_->is_zygote(child) ||
         std::ranges::any_of(slots_, [&](const Slot& s) { return s.init() == child; });
}

// Without pid namespaces, what was started in a sandbox whose init died has come to this process.
void Supervisor::end_strays() {
  if (options_.profile == Profile::host || outstanding()) return;
  for (const pid_t child : children_of(::getpid())) {
    if (!is_known(child)) ::kill(child, SIGKILL);
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
  end_strays();
  drop_strays();
}

void Supervisor::tell(const FrontReply& reply) {
  // The front can have two events per slot unread; more than its socket holds means it is broken.
  if (!send_packet(kFront, reply)) front_gone_ = true;
}

void Supervisor::end_everything() {
  for (Slot& slot : slots_) slot.kill_for_front();
  zygotes_->end_all(steady_clock::now());
  for (Slot& slot : slots_) {
    if (slot.waits_for_zygote()) slot.not_cloned(ECHILD);
  }
  const SteadyTime deadline = steady_clock::now() + std::chrono::seconds(5);
  const auto busy = [](const Slot& slot) { return slot.state() != Slot::State::free; };
  while (true) {
    for (Slot& slot : slots_) {
      if (slot.reap(steady_clock::now())) (void)slot.finish();
    }
    end_strays();
    drop_strays();
    const SteadyTime now = steady_clock::now();
    if (now >= deadline || std::ranges::none_of(slots_, busy)) return;
    // Until a child ends, or a slot wants to look again.
    SteadyTime next = deadline;
    for (const Slot& slot : slots_) next = std::min(next, slot.next_check(now));
    const auto left = std::chrono::ceil<milliseconds>(next - now).count();
    pollfd child{.fd = signals_.get(), .events = POLLIN, .revents = 0};
    ::poll(&child, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    drain_signals();
  }
}

}  // namespace mecapy::sandbox
