#include "zygote/run.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "sandbox/contained_filter.h"
#include "sandbox/kernel_file.h"
#include "sandbox/packet.h"
#include "sandbox/privileges.h"
#include "zygote/interpreter.h"
#include "zygote/memory_holder.h"
#include "zygote/report.h"
#include "zygote/self_check.h"
#include "zygote/writable.h"

namespace mecapy::zygote {
namespace {

using sandbox::failed;
using sandbox::RunGo;
using sandbox::StepFailure;

constexpr int kChannel = 3;
constexpr int kCtl = 4;
constexpr int kContainedNice = 10;

// 0-2 /dev/null, ctl at its place, and no other. /dev/null is opened anew: the flags of the
// zygote's one (fcntl F_SETFL) would be shared by all runs.
StepFailure settle(const base::Fd& ctl, const RunPlace& place) {
  if (::setsid() < 0) return failed("setsid");
  if (::chdir((place.folder + "/work").c_str()) != 0) return failed("chdir /work");
  const int high = ::fcntl(ctl.get(), F_DUPFD_CLOEXEC, 16);
  if (high < 0 || ::dup2(high, kCtl) < 0) return failed("arrange descriptors");
  const base::Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return failed("open /dev/null");
  for (int fd = 0; fd < 3; ++fd) {
    if (::dup2(null.get(), fd) < 0) return failed("arrange descriptors");
  }
  return {};
}

// 1 and 2 the log, 3 the channel, 4 ctl until `ready`; no other.
StepFailure take_pipes(sandbox::PacketFds pipes) {
  const base::Fd channel(::fcntl(pipes[0].get(), F_DUPFD_CLOEXEC, 16));
  const base::Fd log(::fcntl(pipes[1].get(), F_DUPFD_CLOEXEC, 16));
  pipes = {};  // their numbers may be the places
  if (!channel || !log || ::dup2(log.get(), 1) < 0 || ::dup2(log.get(), 2) < 0 ||
      ::dup2(channel.get(), kChannel) < 0) {
    return failed("arrange descriptors");
  }
  return {};
}

// Lowers a limit, never raising the hard one.
StepFailure limit(__rlimit_resource resource, rlim_t soft, rlim_t hard, const char* name) {
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return failed(name);
  const rlimit next{std::min(soft, now.rlim_max), std::min(hard, now.rlim_max)};
  if (::setrlimit(resource, &next) != 0) return failed(name);
  return {};
}

rlim_t mapped_bytes() {
  const rlim_t pages =
      static_cast<rlim_t>(sandbox::read_number(AT_FDCWD, "/proc/self/statm").value_or(0));
  return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

StepFailure limit_resources(const RunGo& go) {
  constexpr rlim_t kStack = 8 * 1024 * 1024;
  constexpr rlim_t kSignals = 256;
  struct Row {
    __rlimit_resource resource;
    rlim_t soft;
    rlim_t hard;
    const char* name;
  };
  const Row rows[] = {
      {RLIMIT_CPU, go.cpu_seconds, go.cpu_seconds + 1, "RLIMIT_CPU"},
      {RLIMIT_FSIZE, go.disk.bytes, go.disk.bytes, "RLIMIT_FSIZE"},
      {RLIMIT_NOFILE, 256, 256, "RLIMIT_NOFILE"},
      {RLIMIT_NPROC, go.tasks, go.tasks, "RLIMIT_NPROC"},
      {RLIMIT_CORE, 0, 0, "RLIMIT_CORE"},
      {RLIMIT_STACK, kStack, kStack, "RLIMIT_STACK"},
      {RLIMIT_MEMLOCK, 0, 0, "RLIMIT_MEMLOCK"},
      {RLIMIT_MSGQUEUE, 0, 0, "RLIMIT_MSGQUEUE"},
      // A share: above it there is one count for all runs, of the user that made their namespaces
      // (kernel/ucount.c).
      {RLIMIT_SIGPENDING, kSignals, kSignals, "RLIMIT_SIGPENDING"},
  };
  for (const Row& row : rows) {
    if (const StepFailure step = limit(row.resource, row.soft, row.hard, row.name)) return step;
  }
  if (go.address_bytes == 0) return {};
  const rlim_t bytes = mapped_bytes() + go.address_bytes;
  return limit(RLIMIT_AS, bytes, bytes, "RLIMIT_AS");
}

StepFailure resize(const sandbox::DiskBounds& disk) {
  if (::mount("mecapy", "/work", nullptr, MS_REMOUNT | kQuiet, size_options(disk).c_str()) != 0) {
    return failed("bound /work");
  }
  return {};
}

// For where no pid namespace does it.
StepFailure keep_apart(const RunPlace& place) {
  // What watches over the run comes first. A worker may have been made to give way itself; nobody
  // here may go back on that.
  const int nice = std::max(::getpriority(PRIO_PROCESS, 0), kContainedNice);
  if (::setpriority(PRIO_PROCESS, 0, nice) != 0) return failed("setpriority");
  const long abi = sandbox::landlock_abi();
  if (place.shares_user) {
    // It alone keeps files apart there: doctor saw it, but this is where it must hold.
    if (abi == 0) return failed("landlock", ENOSYS);
    if (const StepFailure step = sandbox::keep_modes(abi >= sandbox::kLandlockTruncate))
      return step;
  }
  const bool scoped = abi >= sandbox::kLandlockScopes;
  return sandbox::confine_processes(scoped ? sandbox::SignalReach::anybody
                                           : sandbox::SignalReach::itself);
}

struct Walls {
  base::Fd files;  // made ahead: the rules take longer than all else
  const sandbox::FilterProgram& calls;
};

// Out of the way of the channel, which comes later.
StepFailure make_walls(const RunPlace& place, Walls& walls) {
  base::Fd wall;
  if (const StepFailure step = sandbox::make_wall(place.files, wall)) return step;
  if (!wall) return {};
  walls.files = base::Fd(::fcntl(wall.get(), F_DUPFD_CLOEXEC, 16));
  return walls.files ? StepFailure{} : failed("arrange descriptors");
}

StepFailure confine(const RunGo& go, const RunPlace& place, const Walls& walls) {
  if (const StepFailure step = limit_resources(go)) return step;
  if (const StepFailure step = sandbox::stay_behind(walls.files)) return step;
  // init has emptied the bounding set.
  if (const StepFailure step = sandbox::keep_only({})) return step;
  if (const StepFailure step = sandbox::set_no_new_privs()) return step;
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return failed("PR_SET_DUMPABLE");
  if (place.shares_processes) {
    if (const StepFailure step = keep_apart(place)) return step;
  }
  if (const StepFailure step = sandbox::install_filter(walls.calls)) return step;
  return check_confinement(place.user);
}

[[noreturn]] void die_of(const StepFailure& step) { die(kCtl, step); }

void report(sandbox::RunReport::Kind kind) {
  sandbox::RunReport report;
  report.kind = kind;
  if (!send_report(kCtl, report)) ::_exit(1);
}

}  // namespace

void be_run(base::Fd ctl, const RunPlace& place, const RunKit& kit) {
  if (const StepFailure step = settle(ctl, place)) die(ctl.get(), step);
  (void)ctl.release();  // closed with the rest
  if (::close_range(3, 3, 0) != 0 || ::close_range(kCtl + 1, ~0U, 0) != 0) {
    die_of(failed("close_range"));
  }
  if (kit.hot_pages != nullptr) make_own(*kit.hot_pages);
  if (!wake_interpreter(place.folder.c_str())) die_of(failed("wake Python", EPROTO));
  Walls walls{{}, kit.filter};
  if (const StepFailure step = make_walls(place, walls)) die_of(step);
  report(sandbox::RunReport::Kind::prepared);
  RunGo go;
  {
    sandbox::PacketFds pipes;
    if (sandbox::receive_packet(kCtl, go, &pipes) != sandbox::Received::packet) ::_exit(1);
    if (const StepFailure step = take_pipes(std::move(pipes))) die_of(step);
  }
  if (place.mounted && go.disk != *place.mounted) {
    if (const StepFailure step = resize(go.disk)) die_of(step);
  }
  if (const StepFailure step = confine(go, place, walls)) die_of(step);
  walls.files.reset();
  report(sandbox::RunReport::Kind::ready);
  ::close(kCtl);
  // Only now: the run can stop it before it has closed what it was born with.
  alignas(16) HolderStack holder;
  if (!place.shares_processes) hold_memory(holder);
  ::_exit(enter_run(kChannel, go.blas_threads));
}

}  // namespace mecapy::zygote
