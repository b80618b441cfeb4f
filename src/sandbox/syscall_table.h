// The one list of system calls that the zygote and the runs may make, and why each.
//
// Two filters are made from it (filter.h). The zygote installs the first: every row is allowed or
// answered as it says, the rest is EPERM. A run inherits it and adds the second, which takes the
// `setup` rows away again. In the profile container, further ones take away what namespaces would
// have held (contained_filter.h): they name calls, so one allowed here that signals, leaves the
// process group or changes a file's mode or times has to be named there as well.
#pragma once

#include <seccomp.h>

#include <cstdint>
#include <vector>

namespace mecapy::sandbox {

enum class SyscallUse : std::uint8_t {
  run,          // the author's code may call it
  driver,       // the author's code may call it where it is given graphics processors
  setup,        // the zygote, init and the run until its last step; not the author's code
  absent,       // answered ENOSYS: the caller has an older way that a filter can judge
  unsupported,  // answered EOPNOTSUPP: what a file system may lack, and callers do without
  needless,     // told done: what would change nothing that the run can see
};

// One argument must compare as said; libseccomp's words (seccomp_rule_add(3)).
struct ArgumentCheck {
  unsigned argument;
  scmp_compare compare;
  std::uint64_t value;       // the mask for SCMP_CMP_MASKED_EQ
  std::uint64_t masked = 0;  // what the masked argument must be
};

struct SyscallRow {
  int number;  // negative: not on this architecture
  SyscallUse use;
  std::vector<ArgumentCheck> checks;  // all must hold; another row may allow other arguments
  const char* reason;
};

const std::vector<SyscallRow>& syscall_table();

// The namespaces of a run's init, and the parent it gets: what clone is called with, exactly.
extern const std::uint64_t kInitCloneFlags;
// The same where no user namespace can be made.
extern const std::uint64_t kContainerInitCloneFlags;

}  // namespace mecapy::sandbox
