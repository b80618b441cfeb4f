#include "sandbox/filter.h"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <memory>

#include "base/fd.h"
#include "sandbox/syscall_table.h"

namespace mecapy::sandbox {
namespace {

using Context = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

int add_row(scmp_filter_ctx context, std::uint32_t action, const SyscallRow& row) {
  std::vector<scmp_arg_cmp> checks;
  checks.reserve(row.checks.size());
  for (const ArgumentCheck& check : row.checks) {
    checks.push_back({check.argument, check.compare, check.value, check.masked});
  }
  return seccomp_rule_add_array(context, action, row.number, static_cast<unsigned>(checks.size()),
                                checks.data());
}

std::uint32_t action_of(FilterKind kind, SyscallUse use) {
  if (kind == FilterKind::run) return SCMP_ACT_ERRNO(EPERM);
  switch (use) {
    case SyscallUse::run:
    case SyscallUse::driver:
    case SyscallUse::setup:
      return SCMP_ACT_ALLOW;
    case SyscallUse::absent:
      return SCMP_ACT_ERRNO(ENOSYS);
    case SyscallUse::unsupported:
      return SCMP_ACT_ERRNO(EOPNOTSUPP);
    case SyscallUse::needless:
      return SCMP_ACT_ERRNO(0);
  }
  return SCMP_ACT_KILL_PROCESS;
}

bool is_of(FilterKind kind, SyscallUse use) {
  if (kind == FilterKind::run) return use == SyscallUse::setup;
  return use != SyscallUse::driver || kind == FilterKind::zygote_with_gpus;
}

// libseccomp only writes to a descriptor.
StepFailure export_program(scmp_filter_ctx context, FilterProgram& program) {
  const base::Fd file(::memfd_create("filter", MFD_CLOEXEC));
  if (!file) return failed("memfd_create for the filter");
  if (const int error = seccomp_export_bpf(context, file.get()); error != 0) {
    return failed("export the filter", -error);
  }
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  if (size <= 0 || size % static_cast<off_t>(sizeof(sock_filter)) != 0) {
    return failed("read the filter", EIO);
  }
  program.resize(static_cast<std::size_t>(size) / sizeof(sock_filter));
  if (::pread(file.get(), program.data(), static_cast<std::size_t>(size), 0) != size) {
    return failed("read the filter", EIO);
  }
  return {};
}

}  // namespace

StepFailure build_filter(FilterKind kind, FilterProgram& program) {
  const std::uint32_t otherwise = kind == FilterKind::run ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM);
  const Context context(seccomp_init(otherwise), seccomp_release);
  if (!context) return failed("seccomp_init", ENOMEM);
  int error = seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  // A binary tree over the numbers, which is quicker to install and to pass than a list.
  if (error == 0) error = seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  for (const SyscallRow& row : syscall_table()) {
    if (error != 0) break;
    if (row.number < 0 || !is_of(kind, row.use)) continue;
    error = add_row(context.get(), action_of(kind, row.use), row);
  }
  if (error != 0) return failed("build the filter", -error);
  return export_program(context.get(), program);
}

StepFailure install_filter(const FilterProgram& program) {
  sock_fprog code{static_cast<unsigned short>(program.size()),
                  const_cast<sock_filter*>(program.data())};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &code, 0, 0) != 0) return failed("seccomp");
  return {};
}

}  // namespace mecapy::sandbox
