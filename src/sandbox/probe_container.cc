// The layers of the profile container: what keeps runs apart where no namespace can be made.
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

#include "sandbox/contained_filter.h"
#include "sandbox/landlock.h"
#include "sandbox/privileges.h"
#include "sandbox/probe_steps.h"
#include "sandbox/process_tree.h"
#include "sandbox/scratch.h"

namespace mecapy::sandbox {
namespace {

using State = Layer::State;

// Where everybody may write in a usual image. A run of its own user could leave there what the next
// run of that user finds.
constexpr std::array kOpenToAll = {"/tmp",      "/var/tmp", "/dev/shm",  "/dev/mqueue",
                                   "/run/lock", "/run",     "/var/lock", "/"};

bool may_write_anywhere(std::string& where) {
  for (const char* folder : kOpenToAll) {
    if (::access(folder, W_OK) != 0) continue;
    where = folder;
    return true;
  }
  return false;
}

StepFailure no_open_folder(std::uint32_t uid) {
  if (const StepFailure step = take_user(uid)) return step;
  std::string where;
  return may_write_anywhere(where) ? does_not_hold("a run could write into a folder open to all")
                                   : StepFailure{};
}

StepFailure wall_around_files() {
  if (const StepFailure step = set_no_new_privs()) return step;
  if (const StepFailure step = restrict_files({{"/usr/lib"}, {}})) return step;
  if (::open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0) {
    return does_not_hold("a file outside the wall could be read");
  }
  if (errno != EACCES) return failed("look for /etc/passwd");
  return {};
}

StepFailure wall_around_signals() {
  const pid_t other = ::getppid();
  if (const StepFailure step = set_no_new_privs()) return step;
  const bool scoped = landlock_abi() >= kLandlockScopes;
  StepFailure step = scoped ? restrict_files({}) : StepFailure{};
  if (!step) step = confine_processes(scoped ? SignalReach::anybody : SignalReach::itself);
  if (step) return step;
  if (::setpgid(0, 0) == 0) return does_not_hold("a process could leave its group");
  if (::kill(other, 0) == 0) return does_not_hold("another process could be signalled");
  return errno == EPERM && ::kill(::getpid(), 0) == 0 ? StepFailure{} : failed("signal itself");
}

StepFailure watch_a_child() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return failed("PR_SET_CHILD_SUBREAPER");
  const pid_t pid = ::fork();
  if (pid < 0) return failed("fork");
  if (pid == 0) {
    while (true) ::pause();
  }
  const TreeUse use = TreeWatch(::getpid()).look(1);
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  if (use.tasks != 1) return does_not_hold("a child was not found in /proc");
  return use.memory_bytes + use.shared_bytes > 0 ? StepFailure{}
                                                 : does_not_hold("a child's memory is not told");
}

StepFailure use_scratch(const std::string& place) {
  std::unique_ptr<Scratch> scratch;
  if (const StepFailure step = Scratch::make(place, scratch)) return step;
  std::string folder;
  return scratch->make_folder(std::nullopt, folder);
}

}  // namespace

Sight look_at_own_users(const ProbePlace& place) {
  if (::geteuid() != 0) {
    return seen(State::refused, "the worker is user " + std::to_string(::geteuid()) +
                                    " and cannot become another: all runs are this user");
  }
  if (!has_capabilities({CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL, CAP_CHOWN, CAP_FOWNER,
                         CAP_DAC_OVERRIDE})) {
    return seen(State::refused, "root without the capabilities to change users");
  }
  return try_in_child([&] { return take_user(place.uid); });
}

Sight look_at_root_user(const ProbePlace& place) {
  if (::geteuid() != 0) return seen(State::enforced, "user " + std::to_string(::geteuid()));
  if (place.own_users) return seen(State::enforced, "each run is a user of its own");
  return seen(State::refused, "the worker is root and cannot become another user");
}

Sight look_at_files(const ProbePlace& place) {
  if (landlock_abi() > 0) return try_in_child(wall_around_files, "by Landlock");
  if (!place.own_users) {
    return seen(State::missing,
                "neither Landlock nor a user per run: a run could read what others "
                "and the worker write");
  }
  return try_in_child([&] { return no_open_folder(place.uid); }, "by a user per run");
}

Sight look_at_signals(const ProbePlace&) {
  return try_in_child(wall_around_signals,
                      landlock_abi() >= kLandlockScopes
                          ? "by Landlock"
                          : "by a filter: a run can signal its first process only, and so not end "
                            "processes that it started");
}

Sight look_at_scratch(const ProbePlace& place) {
  const std::string& folder = place.options.scratch;
  return try_in_child([&] { return use_scratch(folder); }, "in " + folder);
}

Sight look_at_watch(const ProbePlace&) { return try_in_child(watch_a_child, "by /proc"); }

}  // namespace mecapy::sandbox
