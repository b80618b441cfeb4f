// The front's side: the pipes of each run, and the socket to the supervisor.
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "sandbox/packet.h"
#include "sandbox/protocol.h"
#include "sandbox/supervisor.h"

namespace mecapy::sandbox {
namespace {

using base::Fd;

constexpr int kLaunchDeadlineMs = 40'000;  // the supervisor's own deadline for the zygote is 30 s
constexpr int kExitDeadlineMs = 6'000;

Error gone() { return fail(ErrorCode::sandbox, "the sandbox's supervisor is gone"); }

Evidence evidence_of(const FrontReply& reply) { return {{reply}, std::string(reply.text.view())}; }

bool set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

class SupervisedSandbox final : public Sandbox {
 public:
  SupervisedSandbox(Fd socket, pid_t supervisor, int slots)
      : socket_(std::move(socket)), supervisor_(supervisor), slots_(slots) {}

  // The hang-up tells the supervisor to kill everything; it removes the cgroups before it exits.
  ~SupervisedSandbox() override {
    socket_.reset();
    const Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, supervisor_, 0)));
    pollfd exited{pidfd.get(), POLLIN, 0};
    if (pidfd && ::poll(&exited, 1, kExitDeadlineMs) == 0) ::kill(supervisor_, SIGKILL);
    // It may be out of reach: whoever gave root up must leave that to its parent.
    ::waitpid(supervisor_, nullptr, ::poll(&exited, 1, 500) == 1 ? 0 : WNOHANG);
  }

  int event_fd() const override { return socket_.get(); }
  int slots() const override { return slots_; }

  Result<std::optional<Event>> next_event() override {
    FrontReply reply;
    switch (receive_packet(socket_.get(), reply)) {
      case Received::nothing:
        return std::optional<Event>();
      case Received::closed:
        return gone();
      case Received::packet:
        break;
    }
    Event event;
    if (reply.kind == FrontReply::Kind::pong) {
      event.kind = Event::Kind::pong;
      event.zygote_memory = reply.zygote_memory;
      event.spare_memory = reply.spare_memory;
      return std::optional<Event>(std::move(event));
    }
    event.run = reply.run;
    event.evidence = evidence_of(reply);
    if (reply.kind == FrontReply::Kind::ended) {
      event.kind = Event::Kind::ended;
      --active_;
    }
    return std::optional<Event>(std::move(event));
  }

  using Sandbox::start;
  Result<RunPipes> start(std::uint64_t run, const model::Limits& limits,
                         ZygoteKind zygote) override {
    if (active_ >= slots_) return fail(ErrorCode::busy, "all slots of the sandbox are taken");
    int channel[2] = {-1, -1};
    int log[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0)
      return cannot("socketpair");
    RunPipes pipes;
    pipes.channel = Fd(channel[0]);
    const Fd far_channel(channel[1]);
    if (::pipe2(log, O_CLOEXEC) != 0) return cannot("pipe2");
    pipes.log = Fd(log[0]);
    const Fd far_log(log[1]);
    if (!set_nonblocking(pipes.channel.get()) || !set_nonblocking(pipes.log.get())) {
      return cannot("fcntl");
    }
    const FrontRequest request{FrontRequest::Kind::start, run, limits, zygote};
    const int fds[] = {far_channel.get(), far_log.get()};
    if (!send_packet(socket_.get(), request, fds)) return gone();
    ++active_;
    return pipes;
  }

  void ping() override {
    (void)send_packet(socket_.get(), FrontRequest{FrontRequest::Kind::ping, 0, {}, {}});
  }

  void kill(std::uint64_t run) override {
    const FrontRequest request{FrontRequest::Kind::kill, run, {}, {}};
    // A supervisor that cannot be told is gone, and its runs with it: next_event says so.
    (void)send_packet(socket_.get(), request);
  }

 private:
  static Error cannot(const char* call) {
    return fail(ErrorCode::sandbox,
                std::string("cannot make the run's pipes: ") + call + ": " + std::strerror(errno));
  }

  Fd socket_;
  pid_t supervisor_;
  int slots_;
  int active_ = 0;  // started and not yet seen to have ended
};

// The supervisor's first packet, within the launch deadline.
Result<void> wait_ready(int socket) {
  pollfd readable{socket, POLLIN, 0};
  if (::poll(&readable, 1, kLaunchDeadlineMs) <= 0) {
    return fail(ErrorCode::sandbox, "the sandbox's supervisor did not become ready in time");
  }
  FrontReply reply;
  if (receive_packet(socket, reply) != Received::packet) return gone();
  if (reply.kind == FrontReply::Kind::ready) return {};
  return fail(ErrorCode::sandbox, std::string(reply.text.view()));
}

}  // namespace

Result<void> check_devices(const Options& options) {
  if (options.gpu_devices.empty()) return {};
  if (options.profile != Profile::host) {
    return fail(ErrorCode::usage, "runs get graphics processors in the profile host only");
  }
  for (const std::string& path : options.gpu_devices) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0 || !S_ISCHR(info.st_mode)) {
      return fail(ErrorCode::sandbox, path +
                                          " is no device: the driver of the graphics processors "
                                          "is not loaded, or there are fewer of them");
    }
  }
  return {};
}

Result<std::unique_ptr<Sandbox>> launch(const Options& options) {
  if (auto there = check_devices(options); !there) return there.error();
  int pair[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return fail(ErrorCode::sandbox, std::string("socketpair: ") + std::strerror(errno));
  }
  Fd front(pair[0]);
  Fd far(pair[1]);
  // Where runs may be of this process's user, they must not look into it (proc(5), ptrace(2)).
  if (options.profile == Profile::container && ::prctl(PR_SET_DUMPABLE, 0) != 0) {
    return fail(ErrorCode::sandbox, std::string("PR_SET_DUMPABLE: ") + std::strerror(errno));
  }
  const pid_t parent = ::getpid();
  const pid_t supervisor = ::fork();
  if (supervisor < 0) return fail(ErrorCode::sandbox, std::string("fork: ") + std::strerror(errno));
  if (supervisor == 0) supervise(far.release(), parent, options);
  far.reset();
  const Result<void> ready = wait_ready(front.get());
  auto sandbox = std::make_unique<SupervisedSandbox>(std::move(front), supervisor, options.slots);
  if (ready.has_error()) return ready.error();  // the destructor ends and reaps the supervisor
  if (!set_nonblocking(sandbox->event_fd())) return gone();
  return std::unique_ptr<Sandbox>(std::move(sandbox));
}

}  // namespace mecapy::sandbox
