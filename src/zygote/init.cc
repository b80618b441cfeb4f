#include "zygote/init.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

#include "sandbox/packet.h"
#include "sandbox/privileges.h"
#include "sandbox/protocol.h"
#include "zygote/report.h"
#include "zygote/run.h"
#include "zygote/writable.h"
#include "zygote/write_count.h"

namespace mecapy::zygote {
namespace {

using sandbox::failed;
using sandbox::RunReport;
using sandbox::SandboxSetup;
using sandbox::StepFailure;

// The user first, or the tmpfs below would have a root that no one in here can own. The
// capabilities of the new user namespace stay: neither user is root (capabilities(7)).
StepFailure become_author() {
  constexpr uid_t kUid = sandbox::kInnerUid;
  if (::setresgid(kUid, kUid, kUid) != 0) return failed("setresgid");
  if (::setresuid(kUid, kUid, kUid) != 0) return failed("setresuid");
  // After the change of user, which clears both (prctl(2)). A supervisor that died before this line
  // is seen at the next report.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return failed("PR_SET_PDEATHSIG");
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return failed("PR_SET_DUMPABLE");
  return {};
}

struct Share {
  const char* inside;  // on the tmpfs
  const char* target;  // where the run sees it
  mode_t mode;
};
constexpr Share kShares[] = {
    {"/mnt/work", "/work", 0700},
    {"/mnt/tmp", "/tmp", 01777},
    {"/mnt/shm", "/dev/shm", 01777},
};

// One tmpfs under all three places, so that one size bounds everything a run can write.
StepFailure mount_writable(const sandbox::DiskBounds& disk) {
  const std::string data = "mode=700," + size_options(disk);
  if (::mount("mecapy", "/mnt", "tmpfs", kQuiet, data.c_str()) != 0) return failed("mount /work");
  ::umask(0);
  for (const Share& share : kShares) {
    if (::mkdir(share.inside, share.mode) != 0) return failed("make /work");
    if (::mount(share.inside, share.target, nullptr, MS_BIND, nullptr) != 0) {
      return failed("bind /work");
    }
  }
  ::umask(022);
  if (::umount2("/mnt", MNT_DETACH) != 0) return failed("unmount /mnt");
  return {};
}

// subset=pid hides everything but processes, hidepid=invisible those of others (Linux 5.8).
StepFailure mount_proc() {
  if (::mount("proc", "/proc", "proc", kQuiet, "subset=pid,hidepid=invisible") != 0) {
    return failed("mount /proc");
  }
  return {};
}

// Into the cgroups, then into a cgroup namespace of its own: the run sees its group as the root.
// Beside it, where the kernel has them, a time namespace.
StepFailure join_groups(const SandboxSetup& setup, const sandbox::PacketFds& doors) {
  for (std::size_t i = 0; i < setup.groups && i < doors.size(); ++i) {
    if (::write(doors[i].get(), "0", 1) != 1) return failed("join the cgroup");
  }
  // The clocks' offsets stay zero; children enter the new time namespace, init does not
  // (time_namespaces(7)).
  const int clocks = setup.time_namespace ? CLONE_NEWTIME : 0;
  if (::unshare(CLONE_NEWCGROUP | clocks) != 0) return failed("unshare the cgroup namespace");
  return {};
}

StepFailure set_up(const SandboxSetup& setup) {
  if (const StepFailure step = become_author()) return step;
  if (const StepFailure step = mount_writable(setup.disk)) return step;
  if (const StepFailure step = mount_proc()) return step;
  if (const StepFailure step = sandbox::shrink_bounding_set({})) return step;
  constexpr std::string_view kName = "mecapy";
  if (::sethostname(kName.data(), kName.size()) != 0) return failed("sethostname");
  return {};
}

bool disk_is_full() {
  struct statvfs use {};
  return ::statvfs("/work", &use) == 0 && (use.f_bavail == 0 || use.f_favail == 0);
}

// Reaps orphans, as pid 1 must, until `run` ends. Returns its wait status.
int wait_for(pid_t run) {
  while (true) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, 0);
    if (pid == run) return status;
    if (pid < 0 && errno != EINTR) ::_exit(1);  // unreachable while the run exists
  }
}

[[noreturn]] void watch_over(pid_t run, const base::Fd& ctl, const WriteCount& writes) {
  // Without handlers (Python's are copied with the zygote) no signal from inside reaches pid 1.
  if (const StepFailure step = sandbox::reset_signals()) die(ctl.get(), step);
  if (const StepFailure step = sandbox::keep_only({})) die(ctl.get(), step);
  RunReport report;
  report.kind = RunReport::Kind::ended;
  report.wait_status = wait_for(run);
  report.disk_full = disk_is_full();
  report.written_bytes = writes.bytes();
  (void)send_report(ctl.get(), report);
  // The supervisor is to hear of it now, and not once the kernel has taken this process down, which
  // takes as long as a run: it then kills what there is.
  SandboxSetup never;
  (void)sandbox::receive_packet(ctl.get(), never);
  ::_exit(0);
}

}  // namespace

void be_init(base::Fd ctl, const RunKit& kit) {
  SandboxSetup setup;
  sandbox::PacketFds doors;
  if (sandbox::receive_packet(ctl.get(), setup, &doors) != sandbox::Received::packet) ::_exit(1);
  if (const StepFailure step = set_up(setup)) die(ctl.get(), step);
  if (const StepFailure step = join_groups(setup, doors)) die(ctl.get(), step);
  for (base::Fd& door : doors) door.reset();
  const WriteCount writes;
  const pid_t run = ::fork();
  if (run < 0) die(ctl.get(), failed("fork the run"));
  if (run == 0) {
    RunPlace place;
    place.mounted = setup.disk;
    place.files = {{"/"}, {"/dev/null", "/work", "/tmp", "/dev/shm"}};
    place.files.writable.insert(place.files.writable.end(), kit.devices.begin(), kit.devices.end());
    be_run(std::move(ctl), place, kit);
  }
  watch_over(run, ctl, writes);
}

}  // namespace mecapy::zygote
