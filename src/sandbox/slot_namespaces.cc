#include "sandbox/slot_namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <sstream>
#include <string>

#include "sandbox/kernel_file.h"
#include "sandbox/packet.h"
#include "sandbox/privileges.h"
#include "sandbox/protocol.h"

namespace mecapy::sandbox {
namespace {

using base::Fd;

// What the child that makes them says.
struct Made {
  int error = 0;
};

// Says when they are there, with the descriptors, and keeps the map's place until it is killed.
[[noreturn]] void make_in_child(std::uint32_t owner, int socket) {
  StepFailure step = become(owner);
  if (!step && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) step = failed("unshare");
  const Fd user(::open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC));
  const Fd net(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!step && (!user || !net)) step = failed("open the namespaces");
  const int fds[] = {user.get(), net.get()};
  const bool sent = step ? send_packet(socket, Made{step.error}) : send_packet(socket, Made{}, fds);
  if (sent && !step) ::pause();
  ::_exit(1);
}

// setgroups must be denied before an unprivileged map may be written; one line maps `author` inside
// to the slot's user outside (user_namespaces(7)).
StepFailure write_maps(pid_t pid, std::uint32_t outer) {
  const std::string folder = "/proc/" + std::to_string(pid);
  const Fd proc(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!proc) return failed("open /proc of a slot's namespaces");
  const std::string map = std::to_string(kInnerUid) + " " + std::to_string(outer) + " 1\n";
  if (!write_text(proc.get(), "setgroups", "deny")) return failed("deny setgroups");
  if (!write_text(proc.get(), "gid_map", map)) return failed("write gid_map");
  if (!write_text(proc.get(), "uid_map", map)) return failed("write uid_map");
  return {};
}

StepFailure take(pid_t child, int socket, std::uint32_t outer, SlotNamespaces& made) {
  Made said;
  PacketFds fds;
  if (receive_packet(socket, said, &fds) != Received::packet) {
    return failed("make a slot's namespaces", ECHILD);
  }
  if (said.error != 0) return failed("make a slot's namespaces", said.error);
  made = {std::move(fds[0]), std::move(fds[1])};
  return write_maps(child, outer);
}

}  // namespace

StepFailure make_slot_namespaces(std::uint32_t owner, std::uint32_t outer, SlotNamespaces& made) {
  int pair[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return failed("socketpair");
  }
  const Fd near(pair[0]);
  Fd far(pair[1]);
  const pid_t child = ::fork();
  if (child < 0) return failed("fork");
  if (child == 0) make_in_child(owner, far.get());
  far.reset();
  const StepFailure step = take(child, near.get(), outer, made);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return step;
}

bool is_mapped_to(pid_t pid, std::uint32_t outer) {
  const std::string path = "/proc/" + std::to_string(pid) + "/uid_map";
  std::istringstream map(read_text(AT_FDCWD, path.c_str()).value_or(""));
  std::uint32_t inside = 0;
  std::uint32_t outside = 0;
  std::uint32_t count = 0;
  map >> inside >> outside >> count;
  return map && inside == kInnerUid && outside == outer && count == 1 && (map >> std::ws).eof();
}

}  // namespace mecapy::sandbox
