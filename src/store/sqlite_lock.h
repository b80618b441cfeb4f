// One process at a time owns a SQLite database.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace mecapy::store {

// Locks `<path>.lock` for as long as the Fd lives; conflict when somebody else has it. The kernel
// gives the lock back when its owner dies, however it dies.
Result<base::Fd> lock_sqlite(const std::string& path);

// Makes the empty file `path` (mode 0600, with its entry in the folder made durable) when there is
// none. An existing one is left as it is.
Result<void> make_sqlite_file(const std::string& path);

}  // namespace mecapy::store
