#include "plain_forks.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "sandbox/protocol.h"

namespace mecapy::bench {
namespace {

using base::Fd;
using sandbox::Event;
using sandbox::Received;

// What an epoll event is about: a fork's ctl or its end; ticket 0 is the zygote.
std::uint64_t ctl_tag(std::uint64_t ticket) { return ticket * 2; }
std::uint64_t end_tag(std::uint64_t ticket) { return ticket * 2 + 1; }

Error cannot(const char* call) {
  return fail(ErrorCode::sandbox,
              std::string("plain forks: ") + call + ": " + std::strerror(errno));
}

std::int64_t cpu_of(const rusage& use) {
  return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * std::int64_t{1'000'000} +
         use.ru_utime.tv_usec + use.ru_stime.tv_usec;
}

}  // namespace

Result<std::unique_ptr<PlainForks>> PlainForks::launch(const sandbox::Options& options,
                                                       sandbox::ZygoteKind kind) {
  std::unique_ptr<PlainForks> forks(new PlainForks(options.slots));
  forks->epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!forks->epoll_) return cannot("epoll_create1");
  std::string error;
  sandbox::ZygoteReply ready;
  if (!sandbox::spawn_zygote(options, kind, forks->zygote_, error) ||
      !sandbox::wait_until_ready(forks->zygote_, ready, error)) {
    forks->zygote_.pid = -1;
    return fail(ErrorCode::sandbox, error);
  }
  if (!forks->watch(forks->zygote_.socket.get(), ctl_tag(0))) return cannot("epoll_ctl");
  forks->refill();
  return forks;
}

PlainForks::~PlainForks() {
  for (auto& [ticket, fork] : forks_) {
    if (fork.pid <= 0) continue;
    ::kill(fork.pid, SIGKILL);
    ::waitpid(fork.pid, nullptr, 0);
  }
  if (zygote_.pid <= 0) return;
  zygote_.socket.reset();  // it ends at the hang-up
  ::waitpid(zygote_.pid, nullptr, 0);
}

bool PlainForks::watch(int fd, std::uint64_t tag) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

// As the supervisor does it: one more than run now, at most as many as may run.
void PlainForks::refill() {
  const auto spares =
      std::ranges::count_if(forks_, [](const auto& entry) { return !entry.second.run; });
  for (auto missing = std::min(slots_, active_ + 1) - spares; missing > 0; --missing) {
    if (!ask()) gone_ = true;
  }
}

bool PlainForks::ask() {
  int pair[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return false;
  const std::uint64_t ticket = next_ticket_++;
  const Fd far(pair[1]);
  Fork fork;
  fork.ctl = Fd(pair[0]);
  const int ctl = fork.ctl.get();
  forks_.emplace(ticket, std::move(fork));
  const int fds[] = {far.get()};
  return ::fcntl(ctl, F_SETFL, O_NONBLOCK) == 0 && watch(ctl, ctl_tag(ticket)) &&
         sandbox::send_packet(zygote_.socket.get(), sandbox::ZygoteRequest{ticket}, fds);
}

void PlainForks::hear_zygote() {
  sandbox::ZygoteReply reply;
  const Received got = sandbox::receive_packet(zygote_.socket.get(), reply);
  if (got == Received::nothing) return;
  const auto found = forks_.find(reply.ticket);
  gone_ = got == Received::closed || reply.pid <= 0 || found == forks_.end();
  if (gone_) return;
  Fork& fork = found->second;
  fork.pid = reply.pid;
  fork.pidfd = Fd(static_cast<int>(::syscall(SYS_pidfd_open, fork.pid, 0)));
  gone_ = !fork.pidfd || !watch(fork.pidfd.get(), end_tag(reply.ticket));
}

void PlainForks::hear(Fork& fork) {
  sandbox::RunReport report;
  const Received got = sandbox::receive_packet(fork.ctl.get(), report);
  if (got == Received::nothing) return;
  if (got == Received::closed) return fork.ctl.reset();  // it has its job, or its end follows
  fork.prepared = report.kind == sandbox::RunReport::Kind::prepared;
  place_waiting();
}

void PlainForks::place_waiting() {
  while (!waiting_.empty()) {
    const auto spare = std::ranges::find_if(
        forks_, [](const auto& entry) { return entry.second.prepared && !entry.second.run; });
    if (spare == forks_.end()) return;
    const Waiting start = std::move(waiting_.front());
    waiting_.pop_front();
    spare->second.run = start.run;
    const int fds[] = {start.channel.get(), start.log.get()};
    if (!sandbox::send_packet(spare->second.ctl.get(), sandbox::RunGo{}, fds)) gone_ = true;
  }
}

Event PlainForks::reap(std::uint64_t ticket) {
  const Fork& fork = forks_.at(ticket);
  Event event;
  event.kind = Event::Kind::ended;
  event.run = fork.run.value_or(0);
  int status = 0;
  rusage use{};
  ::wait4(fork.pid, &status, 0, &use);
  const bool exited = WIFEXITED(status);
  event.evidence.exit =
      exited ? sandbox::Evidence::Exit::exited : sandbox::Evidence::Exit::signalled;
  event.evidence.status = exited ? WEXITSTATUS(status) : WTERMSIG(status);
  event.evidence.cpu_us = cpu_of(use);
  if (fork.run) --active_;
  forks_.erase(ticket);
  return event;
}

Result<std::optional<Event>> PlainForks::next_event() {
  epoll_event event{};
  while (!gone_ && ::epoll_wait(epoll_.get(), &event, 1, 0) == 1) {
    const std::uint64_t ticket = event.data.u64 / 2;
    if (ticket == 0) {
      hear_zygote();
    } else if (event.data.u64 == ctl_tag(ticket)) {
      hear(forks_.at(ticket));
    } else {
      const Event ended = reap(ticket);
      refill();
      if (ended.run == 0) gone_ = true;  // a spare died
      return std::optional<Event>(ended);
    }
  }
  if (gone_) return fail(ErrorCode::sandbox, "the plain zygote or a fork of it is gone");
  return std::optional<Event>();
}

Result<sandbox::RunPipes> PlainForks::start(std::uint64_t run, const model::Limits& /*limits*/,
                                            sandbox::ZygoteKind /*kind*/) {
  if (active_ >= slots_) return fail(ErrorCode::busy, "all slots are taken");
  int channel[2] = {-1, -1};
  int log[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0)
    return cannot("socketpair");
  sandbox::RunPipes pipes;
  pipes.channel = Fd(channel[0]);
  Waiting start{run, Fd(channel[1]), {}};
  if (::pipe2(log, O_CLOEXEC) != 0) return cannot("pipe2");
  pipes.log = Fd(log[0]);
  start.log = Fd(log[1]);
  if (::fcntl(pipes.channel.get(), F_SETFL, O_NONBLOCK) != 0 ||
      ::fcntl(pipes.log.get(), F_SETFL, O_NONBLOCK) != 0) {
    return cannot("fcntl");
  }
  waiting_.push_back(std::move(start));
  ++active_;
  place_waiting();
  refill();
  return pipes;
}

void PlainForks::kill(std::uint64_t run) {
  for (const auto& [ticket, fork] : forks_) {
    if (fork.run == run) ::kill(fork.pid, SIGKILL);
  }
}

}  // namespace mecapy::bench
