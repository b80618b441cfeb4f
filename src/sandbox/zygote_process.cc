#include "sandbox/zygote_process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "sandbox/packet.h"
#include "sandbox/privileges.h"
#include "sandbox/protocol.h"
#include "sandbox/template.h"

namespace mecapy::sandbox {
namespace {

using base::Fd;

constexpr int kReadyDeadlineMs = 30'000;
constexpr int kProgram = 4;  // the program file, closed by execveat

// One BLAS thread and one malloc arena: a zygote must be single-threaded, its forks small. Symbols
// are bound at once: bound later, each copy would do it anew.
char* const kEnvironment[] = {
    const_cast<char*>("LANG=C.UTF-8"),
    const_cast<char*>("HOME=/work"),
    const_cast<char*>("USER=author"),
    const_cast<char*>("LOGNAME=author"),
    const_cast<char*>("TMPDIR=/tmp"),
    const_cast<char*>("MPLBACKEND=Agg"),
    const_cast<char*>("MPLCONFIGDIR=/tmp/.matplotlib"),
    const_cast<char*>("OPENBLAS_NUM_THREADS=1"),
    const_cast<char*>("OMP_NUM_THREADS=1"),
    const_cast<char*>("MALLOC_ARENA_MAX=1"),
    const_cast<char*>("LD_BIND_NOW=1"),
    nullptr,
};

// Descriptors 0-2 are /dev/null, 3 the socket, 4 the program, and no other.
StepFailure arrange_descriptors(int socket, int program) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return failed("open /dev/null");
  // Out of the way first: any of them may sit on a number that is needed.
  const int high_socket = ::fcntl(socket, F_DUPFD_CLOEXEC, 10);
  const int high_program = ::fcntl(program, F_DUPFD_CLOEXEC, 10);
  if (high_socket < 0 || high_program < 0) return failed("arrange descriptors");
  for (int fd = 0; fd < 3; ++fd) {
    if (::dup2(null, fd) < 0) return failed("arrange descriptors");
  }
  if (::dup2(high_socket, kZygoteSocket) < 0) return failed("arrange descriptors");
  if (::dup3(high_program, kProgram, O_CLOEXEC) < 0) return failed("arrange descriptors");
  if (::close_range(kProgram + 1, ~0U, 0) != 0) return failed("close_range");
  return {};
}

StepFailure become_nobody(std::uint32_t uid) {
  if (const StepFailure step = keep_capabilities({CAP_SETUID, CAP_SETGID})) return step;
  return become(uid);
}

// Into the place where runs will be, as its own user, without capabilities; where no user namespace
// can be made, init needs some to become its run's user.
StepFailure enter_place(const Options& options) {
  if (options.profile == Profile::host) {
    if (const StepFailure step = enter_template(options)) return step;
    return become_nobody(options.uid_base);
  }
  if (!options.own_users) return keep_capabilities({});
  if (const StepFailure step = keep_capabilities({CAP_SETUID, CAP_SETGID, CAP_SETPCAP})) {
    return step;
  }
  return become_with(options.uid_base, {CAP_SETUID, CAP_SETGID, CAP_SETPCAP});
}

StepFailure prepare_child(const Options& options, pid_t supervisor) {
  if (const StepFailure step = reset_signals()) return step;
  if (const StepFailure step = enter_place(options)) return step;
  // After the change of user, which clears it; it survives execve (prctl(2)).
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return failed("PR_SET_PDEATHSIG");
  if (::getppid() != supervisor) return failed("the supervisor died", ESRCH);
  if (const StepFailure step = set_no_new_privs()) return step;
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return failed("RLIMIT_CORE");
  return {};
}

// Its last arguments: where runtime, packages and cache are; where no template hides the rest of
// the machine, also what runs may read.
std::vector<std::string> zygote_places(const Options& options) {
  if (options.profile == Profile::host) {
    return {kTemplateRuntime, kTemplateEnvironment, kTemplateCache};
  }
  std::vector<std::string> places = {options.runtime_folder, options.site_packages, options.cache,
                                     options.cache};
  for (std::string& place : visible_places(options)) places.push_back(std::move(place));
  return places;
}

// Never returns: the zygote program runs, or the socket says which step failed.
[[noreturn]] void become_zygote(const Options& options, ZygoteKind kind, int socket,
                                pid_t supervisor) {
  StepFailure step;
  const int program = ::open(options.zygote_program.c_str(), O_RDONLY | O_CLOEXEC);
  if (program < 0) step = failed("open the zygote program");
  if (!step) step = arrange_descriptors(socket, program);
  if (!step) socket = kZygoteSocket;
  if (!step) step = prepare_child(options, supervisor);
  if (!step) {
    std::string name(zygote_row(kind).name);
    std::string modules = modules_of(kind);
    std::string devices;
    for (const std::string& path : options.gpu_devices) devices += path + " ";
    std::vector<std::string> places = zygote_places(options);
    std::vector<char*> arguments = {const_cast<char*>("mecapy-zygote"), name.data(), modules.data(),
                                    devices.data()};
    for (std::string& place : places) arguments.push_back(place.data());
    arguments.push_back(nullptr);
    ::syscall(SYS_execveat, kProgram, "", arguments.data(), kEnvironment, AT_EMPTY_PATH);
    step = failed("execute the zygote program");
  }
  ZygoteReply reply;
  reply.kind = ZygoteReply::Kind::failed;
  reply.error = step.error;
  reply.text.set(step.step);
  (void)send_packet(socket, reply);
  ::_exit(1);
}

}  // namespace

bool spawn_zygote(const Options& options, ZygoteKind kind, ZygoteProcess& zygote,
                  std::string& error) {
  int pair[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    error = std::string("socketpair: ") + std::strerror(errno);
    return false;
  }
  Fd near(pair[0]);
  const Fd far(pair[1]);
  const pid_t supervisor = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) {
    error = std::string("fork: ") + std::strerror(errno);
    return false;
  }
  if (pid == 0) become_zygote(options, kind, far.get(), supervisor);
  ::fcntl(near.get(), F_SETFL, O_NONBLOCK);
  zygote.pid = pid;
  zygote.socket = std::move(near);
  return true;
}

std::string complaint_of(const ZygoteReply& reply) {
  std::string text = "the zygote cannot start: " + std::string(reply.text.view());
  if (reply.error != 0) text += std::string(": ") + std::strerror(reply.error);
  return text;
}

bool wait_until_ready(ZygoteProcess& zygote, ZygoteReply& reply, std::string& error) {
  pollfd readable{zygote.socket.get(), POLLIN, 0};
  if (::poll(&readable, 1, kReadyDeadlineMs) <= 0) {
    error = "the zygote did not become ready within 30 s";
  } else if (receive_packet(zygote.socket.get(), reply) != Received::packet) {
    error = "the zygote died while it loaded Python";
  } else if (reply.kind != ZygoteReply::Kind::ready) {
    error = complaint_of(reply);
  } else {
    return true;
  }
  ::kill(zygote.pid, SIGKILL);
  ::waitpid(zygote.pid, nullptr, 0);
  return false;
}

}  // namespace mecapy::sandbox
