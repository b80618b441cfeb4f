// Theory of operation.
//
// The supervisor is forked from the front (launch) while that is still root and single-threaded. It
// never executes another program, never runs two threads and never reads a byte that a run wrote.
// It needs its privilege for four things: the template's mounts, the cgroups, the id maps of the
// slots, and killing. All other capabilities it gives up at once. This is the profile host; what
// the profile container does instead stands in container_keeper.cc and ARCHITECTURE.md.
//
// Start: every required layer is tried in a throw-away child (probe.cc); a block of user ids that
// is nobody else's is claimed (user_ids.h); the cgroups are made; the zygote is started in the
// template and has loaded Python; only then the front hears `ready`. Anything else is `refused`
// with the reason: nothing falls from one profile to the other.
//
// A sandbox is prepared ahead of its run: the supervisor makes a slot's cgroup as new and asks the
// zygote, which clones init into the slot's user and network namespace (slot_namespaces.h) and new
// ones of the other kinds, as a child of the supervisor (zygote/birth.h). Init mounts, joins the
// cgroup by descriptors the supervisor opened, and forks the run.
// The run copies the pages that runs write (zygote/hot_pages.h), wakes Python, says `prepared` and
// waits. Of each kind of zygote in demand there is one such spare more than there are runs of it,
// and no more than may run (Options::spares() bounds them together).
//
// A run: the front sends start with the run's two pipes. The supervisor sets the cgroup's limits
// and passes limits and pipes on to a prepared sandbox. The run bounds its folder, takes from
// itself what it no longer needs, says `ready` on ctl, closes it, and only then reads the author's
// code. Init reports how the run ended and waits. One `ended` goes to the front when no process but
// init and the holder of the run's memory (zygote/memory_holder.h) is left in the cgroup, or none
// once init is killed; with it every process of its pid namespace ends, and the slot is free again
// once init is reaped and the cgroup is empty (slot.cc). A sandbox serves one run.
//
// Ends: wall deadline, CPU time, OOM and the front's kill all come down to SIGKILL for init. When
// the zygote dies, runs that exist go on; those it had not cloned yet wait for the next: a new one
// is started, with a growing pause between failures. When the front's socket hangs up, the front is
// gone: everything is killed, the cgroups are removed, the supervisor exits. A supervisor that is
// killed takes zygote and runs with it by PR_SET_PDEATHSIG.
#include "sandbox/supervisor.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "sandbox/ground.h"
#include "sandbox/privileges.h"
#include "sandbox/supervisor_loop.h"

namespace mecapy::sandbox {
namespace {

using base::Fd;

StepFailure become_supervisor(int front, pid_t parent) {
  if (const StepFailure step = reset_signals()) return step;
  ::setsid();  // no terminal: Ctrl-C is the front's business
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(signal, SIG_IGN);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return failed("PR_SET_PDEATHSIG");
  if (::getppid() != parent) return failed("the front died", ESRCH);
  ::prctl(PR_SET_NAME, "mecapy-superv");
  ::umask(022);  // runs are to read what is made for them, whatever the operator's own files are
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
std::string missing_layer(const std::vector<Layer>& layers, Profile profile) {
  for (const Layer& layer : layers) {
    if (!layer.required || layer.state == Layer::State::enforced) continue;
    return "isolation layer not available in the profile " +
           std::string(profile_row(profile).name) + ": " + layer.name + ": " + layer.detail + ". " +
           layer.advice;
  }
  return {};
}

void refuse(int socket, const std::string& why) {
  FrontReply reply;
  reply.kind = FrontReply::Kind::refused;
  reply.text.set(why);
  (void)send_packet(socket, reply);
}

// Serves the front until that is gone. Why it could not start; empty when it could.
std::string serve_front(Options options) {
  const std::vector<Layer> layers = probe_layers(options);
  if (std::string why = missing_layer(layers, options.profile); !why.empty()) return why;
  auto ground = make_ground(options, layers);
  if (!ground) return ground.error().message;
  auto zygotes = std::make_unique<ZygoteSet>(options);
  if (std::string error; !zygotes->launch(error)) return error;
  Supervisor supervisor(options, std::move(*ground), std::move(zygotes));
  if (const StepFailure step = supervisor.open()) return complaint(step);
  if (send_packet(kFront, FrontReply{})) supervisor.run();
  return {};
}

}  // namespace

void supervise(int front, pid_t parent, const Options& options) {
  if (const StepFailure step = become_supervisor(front, parent)) {
    refuse(front, complaint(step));
    ::_exit(1);
  }
  const std::string why = serve_front(options);
  if (!why.empty()) refuse(kFront, why);
  ::_exit(why.empty() ? 0 : 1);
}

}  // namespace mecapy::sandbox
