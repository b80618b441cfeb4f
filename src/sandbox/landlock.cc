#include "sandbox/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "base/fd.h"

namespace mecapy::sandbox {
namespace {

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
// What can be allowed for something that is no folder.
constexpr std::uint64_t kOfFiles =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;

std::uint64_t newer_writes(long abi) {
  std::uint64_t rights = 0;
  if (abi >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= kLandlockTruncate) rights |= kTruncate;
  return rights;
}

StepFailure allow(int ruleset, const std::string& path, std::uint64_t rights) {
  const base::Fd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat info {};
  if (!place || ::fstat(place.get(), &info) != 0) return failed("landlock: open a folder");
  if (!S_ISDIR(info.st_mode)) rights &= kOfFiles;
  const landlock_path_beneath_attr rule{rights, place.get()};
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    return failed("landlock_add_rule");
  }
  return {};
}

}  // namespace

long landlock_abi() {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 1 ? 0 : abi;
}

StepFailure make_wall(const FileRules& rules, base::Fd& wall) {
  const long abi = landlock_abi();
  if (abi == 0) return {};
  const std::uint64_t writes = kWrite | newer_writes(abi);
  const Ruleset set{kRead | writes | kNever, kBindAndConnectTcp, kAbstractSocketsAndSignals};
  const std::size_t size = abi >= kLandlockScopes ? 24 : abi >= 4 ? 16 : 8;
  wall = base::Fd(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &set, size, 0)));
  if (!wall) return failed("landlock_create_ruleset");
  for (const std::string& path : rules.readable) {
    if (const StepFailure step = allow(wall.get(), path, kRead)) return step;
  }
  for (const std::string& path : rules.writable) {
    if (const StepFailure step = allow(wall.get(), path, kRead | writes)) return step;
  }
  return {};
}

StepFailure stay_behind(const base::Fd& wall) {
  if (wall && ::syscall(SYS_landlock_restrict_self, wall.get(), 0) != 0) {
    return failed("landlock_restrict_self");
  }
  return {};
}

StepFailure restrict_files(const FileRules& rules) {
  base::Fd wall;
  if (const StepFailure step = make_wall(rules, wall)) return step;
  return stay_behind(wall);
}

}  // namespace mecapy::sandbox
