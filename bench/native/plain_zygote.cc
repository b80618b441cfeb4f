// plain_zygote_bench KIND MODULES: the peer that shows what isolation costs. The zygote's Python,
// imports and remapped memory; its forks wait prepared for a job as sandboxes do, and have no
// namespaces, mounts, cgroups, filters, limits or checks of their own. Only the bench starts it,
// and it cannot stand in for the zygote: the supervisor takes no fork that is not in namespaces it
// can map a user into.
#include <malloc.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "sandbox/packet.h"
#include "sandbox/protocol.h"
#include "zygote/arguments.h"
#include "zygote/hot_pages.h"
#include "zygote/interpreter.h"
#include "zygote/merge.h"
#include "zygote/rehearsal.h"
#include "zygote/remap.h"
#include "zygote/report.h"

namespace mecapy::zygote {
namespace {

using sandbox::RunReport;
using sandbox::ZygoteReply;
using sandbox::ZygoteRequest;

constexpr int kChannel = 3;

[[noreturn]] void refuse(const std::string& why, int error) {
  ZygoteReply reply;
  reply.kind = ZygoteReply::Kind::failed;
  reply.error = error;
  reply.text.set(why);
  (void)sandbox::send_packet(sandbox::kZygoteSocket, reply);
  ::_exit(1);
}

[[noreturn]] void be_fork(base::Fd ctl, const HotPages* hot_pages) {
  ::close(sandbox::kZygoteSocket);
  if (hot_pages != nullptr) make_own(*hot_pages);
  if (::chdir("/work") != 0 || !wake_interpreter("")) ::_exit(1);
  RunReport prepared;
  prepared.kind = RunReport::Kind::prepared;
  sandbox::RunGo go;
  sandbox::PacketFds pipes;
  if (!send_report(ctl.get(), prepared) ||
      sandbox::receive_packet(ctl.get(), go, &pipes) != sandbox::Received::packet) {
    ::_exit(1);
  }
  // The log first: it may sit on the channel's number.
  if (::dup2(pipes[1].get(), 1) < 0 || ::dup2(pipes[1].get(), 2) < 0) ::_exit(1);
  if (pipes[0].get() != kChannel && ::dup2(pipes[0].get(), kChannel) < 0) ::_exit(1);
  if (::close_range(kChannel + 1, ~0U, 0) != 0) ::_exit(1);
  ::_exit(enter_run(kChannel, go.blas_threads));
}

// As the zygote clones init, a child of who asked; without the namespaces.
pid_t clone_fork(int* tid) {
  constexpr std::uint64_t kFlags =
      CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD;
#if defined(__x86_64__)
  return static_cast<pid_t>(::syscall(SYS_clone, kFlags, 0, nullptr, tid, 0));
#else
  return static_cast<pid_t>(::syscall(SYS_clone, kFlags, 0, nullptr, 0, tid));
#endif
}

[[noreturn]] void serve(int* tid, const HotPages* hot_pages) {
  while (true) {
    ZygoteRequest request;
    sandbox::PacketFds fds;
    if (sandbox::receive_packet(sandbox::kZygoteSocket, request, &fds) != sandbox::Received::packet)
      ::_exit(0);
    const pid_t pid = clone_fork(tid);
    if (pid == 0) be_fork(std::move(fds[0]), hot_pages);
    ZygoteReply reply;
    reply.kind = ZygoteReply::Kind::cloned;
    reply.ticket = request.ticket;
    reply.pid = pid;
    reply.error = pid < 0 ? errno : 0;
    if (!sandbox::send_packet(sandbox::kZygoteSocket, reply)) ::_exit(0);
  }
}

[[noreturn]] void live(const char* modules, const PythonPlaces& places) {
  std::string error;
  if (!start_interpreter(modules, places, error)) refuse(error, 0);
  if (!load_rehearsal(places.runtime, "")) refuse("the rehearsal is missing", ENOENT);
  int* tid = nullptr;
  if (::prctl(PR_GET_TID_ADDRESS, &tid) != 0) refuse("PR_GET_TID_ADDRESS", errno);
  if (!prepare_for_forks()) refuse("prepare Python for forks", EPROTO);
  ::malloc_trim(0);  // as the zygote
  std::int64_t ignored = 0;
  sandbox::StepFailure step = merge_library_mappings();
  if (!step) step = remap_dirty_memory(ignored);
  if (step) refuse(step.step, step.error);
  const HotPages* const hot_pages = learn_hot_pages(rehearse_run, step);
  if (step) refuse(step.step, step.error);
  if (!sandbox::send_packet(sandbox::kZygoteSocket, ZygoteReply{})) ::_exit(0);
  serve(tid, hot_pages);
}

}  // namespace
}  // namespace mecapy::zygote

int main(int count, char** arguments) {
  using namespace mecapy::zygote;
  const auto given = read_arguments(count, arguments);
  if (!given) refuse("started with too few arguments", 0);
  live(given->modules, given->places);
}
