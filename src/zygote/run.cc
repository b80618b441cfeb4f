#include "zygote/run.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "sandbox/kernel_file.h"
#include "sandbox/privileges.h"
#include "zygote/interpreter.h"
#include "zygote/landlock.h"
#include "zygote/report.h"
#include "zygote/self_check.h"

namespace mecapy::zygote {
namespace {

using sandbox::failed;
using sandbox::RunSetup;
using sandbox::StepFailure;

constexpr int kChannel = 3;
constexpr int kCtl = 4;

// 0 /dev/null, 1 and 2 the log, 3 the channel, 4 ctl until `ready`; no other. /dev/null is opened
// anew: the flags of the zygote's one (fcntl F_SETFL) would be shared by all runs.
StepFailure arrange_descriptors(RunFds& fds) {
  base::Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null || ::dup2(null.get(), 0) < 0) return failed("open /dev/null");
  null.reset();  // its number may be one of those below
  for (base::Fd* fd : {&fds.ctl, &fds.channel, &fds.log}) {
    const int high = ::fcntl(fd->get(), F_DUPFD_CLOEXEC, 16);
    if (high < 0) return failed("arrange descriptors");
    *fd = base::Fd(high);
  }
  if (::dup2(fds.log.get(), 1) < 0 || ::dup2(fds.log.get(), 2) < 0 ||
      ::dup2(fds.channel.get(), kChannel) < 0 || ::dup2(fds.ctl.get(), kCtl) < 0) {
    return failed("arrange descriptors");
  }
  for (base::Fd* fd : {&fds.ctl, &fds.channel, &fds.log}) fd->release();  // closed with the rest
  if (::close_range(kCtl + 1, ~0U, 0) != 0) return failed("close_range");
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

StepFailure limit_resources(const RunSetup& setup) {
  constexpr rlim_t kStack = 8 * 1024 * 1024;
  struct Row {
    __rlimit_resource resource;
    rlim_t soft;
    rlim_t hard;
    const char* name;
  };
  const Row rows[] = {
      {RLIMIT_CPU, setup.cpu_seconds, setup.cpu_seconds + 1, "RLIMIT_CPU"},
      {RLIMIT_FSIZE, setup.disk_bytes, setup.disk_bytes, "RLIMIT_FSIZE"},
      {RLIMIT_NOFILE, 256, 256, "RLIMIT_NOFILE"},
      {RLIMIT_NPROC, setup.tasks, setup.tasks, "RLIMIT_NPROC"},
      {RLIMIT_CORE, 0, 0, "RLIMIT_CORE"},
      {RLIMIT_STACK, kStack, kStack, "RLIMIT_STACK"},
      {RLIMIT_MEMLOCK, 0, 0, "RLIMIT_MEMLOCK"},
      {RLIMIT_MSGQUEUE, 0, 0, "RLIMIT_MSGQUEUE"},
  };
  for (const Row& row : rows) {
    if (const StepFailure step = limit(row.resource, row.soft, row.hard, row.name)) return step;
  }
  if (setup.address_bytes == 0) return {};
  const rlim_t bytes = mapped_bytes() + setup.address_bytes;
  return limit(RLIMIT_AS, bytes, bytes, "RLIMIT_AS");
}

StepFailure confine(RunFds& fds, const RunSetup& setup, const sandbox::FilterProgram& filter) {
  if (::setsid() < 0) return failed("setsid");
  if (const StepFailure step = arrange_descriptors(fds)) return step;
  if (::chdir("/work") != 0) return failed("chdir /work");
  if (const StepFailure step = limit_resources(setup)) return step;
  if (const StepFailure step = restrict_files()) return step;
  if (const StepFailure step = sandbox::keep_capabilities({})) return step;
  if (const StepFailure step = sandbox::set_no_new_privs()) return step;
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return failed("PR_SET_DUMPABLE");
  if (const StepFailure step = sandbox::install_filter(filter)) return step;
  return check_confinement();
}

}  // namespace

void be_run(RunFds fds, const RunSetup& setup, const sandbox::FilterProgram& filter) {
  const int early_ctl = fds.ctl.get();
  if (const StepFailure step = confine(fds, setup, filter)) {
    die(fds.ctl ? early_ctl : kCtl, step);
  }
  if (!send_report(kCtl, sandbox::RunReport{})) ::_exit(1);
  ::close(kCtl);
  ::_exit(enter_run(kChannel, setup.blas_threads));
}

}  // namespace mecapy::zygote
