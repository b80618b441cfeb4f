#include "zygote/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "base/fd.h"

namespace mecapy::zygote {
namespace {

using sandbox::failed;
using sandbox::StepFailure;

// struct landlock_ruleset_attr as of ABI 6; Debian 12's header ends at ABI 2. A shorter size is an
// older ABI.
struct Ruleset {
  std::uint64_t files;
  std::uint64_t network;  // ABI 4
  std::uint64_t scoped;   // ABI 6
};
constexpr std::uint64_t kTruncate = 1ULL << 14;  // ABI 3
constexpr std::uint64_t kBindAndConnectTcp = 3;
constexpr std::uint64_t kAbstractSocketsAndSignals = 3;

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kWrite = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                 LANDLOCK_ACCESS_FS_MAKE_SYM;
constexpr std::uint64_t kNever = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                 LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SOCK;

std::uint64_t newer_writes(long abi) {
  std::uint64_t rights = 0;
  if (abi >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) rights |= kTruncate;
  return rights;
}

StepFailure allow(int ruleset, const char* path, std::uint64_t rights) {
  const base::Fd folder(::open(path, O_PATH | O_CLOEXEC));
  if (!folder) return failed("landlock: open a folder");
  const landlock_path_beneath_attr rule{rights, folder.get()};
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    return failed("landlock_add_rule");
  }
  return {};
}

}  // namespace

StepFailure restrict_files() {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (abi < 1) return {};
  const std::uint64_t writes = kWrite | newer_writes(abi);
  const Ruleset rules{kRead | writes | kNever, kBindAndConnectTcp, kAbstractSocketsAndSignals};
  const std::size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  const base::Fd ruleset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, size, 0)));
  if (!ruleset) return failed("landlock_create_ruleset");
  if (const StepFailure step = allow(ruleset.get(), "/", kRead)) return step;
  if (const StepFailure step = allow(ruleset.get(), "/dev/null", LANDLOCK_ACCESS_FS_WRITE_FILE)) {
    return step;
  }
  for (const char* path : {"/work", "/tmp", "/dev/shm"}) {
    if (const StepFailure step = allow(ruleset.get(), path, kRead | writes)) return step;
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return failed("landlock_restrict_self");
  }
  return {};
}

}  // namespace mecapy::zygote
