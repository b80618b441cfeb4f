// Files that say who somebody is, or what is to be done: read only when nobody else can have
// written them.
#pragma once

#include <string>

#include "base/result.h"

namespace mecapy::base {

// Whose such a file may be. `folders`: for root, also the owner's of the folder it is in, who
// is served by a process of his own.
enum class Whose : std::uint8_t { mine_or_roots, mine_roots_or_folders };

// The whole of the file at `path`, of at most `most` bytes. not_found when there is none; storage
// when it cannot be opened or read; usage, with the path and what is wrong, when it is a link or no
// regular file, somebody else's, writable by others than its owner (whose group may be his own
// alone, with his number), or larger.
Result<std::string> read_own_file(const std::string& path, std::size_t most, Whose whose);

}  // namespace mecapy::base
