// Landlock: a wall around files, for kernels that have it (landlock(7)).
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "sandbox/step.h"

namespace mecapy::sandbox {

struct FileRules {
  std::vector<std::string> readable;  // folders with all below them, and files
  std::vector<std::string> writable;  // these may be read as well
};

// The version of the kernel's Landlock; 0: it has none.
long landlock_abi();

// From that version on signals and abstract sockets are confined, too.
inline constexpr long kLandlockScopes = 6;
// From that one on truncate(2) by a path.
inline constexpr long kLandlockTruncate = 3;

// The rules, made ahead; `wall` stays empty on a kernel without Landlock.
StepFailure make_wall(const FileRules& rules, base::Fd& wall);
// From here on this process and its children stay behind a wall that was made: see restrict_files.
StepFailure stay_behind(const base::Fd& wall);

// From here on this process and its children reach the files of `rules` only, execute none of them,
// and signal only each other where the kernel's version is kLandlockScopes. Does nothing on a
// kernel without Landlock.
StepFailure restrict_files(const FileRules& rules);

}  // namespace mecapy::sandbox
