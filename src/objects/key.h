// Object keys.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"

namespace mecapy::objects {

// Longest key, bytes; a part of it is at most 255, as in a file system.
inline constexpr std::size_t kMaxKeyBytes = 512;

// The parts of a key between its slashes, at least one; invalid_request when it is not a key: see
// objects.h. A checked key stays below the folder it is looked up in.
Result<std::vector<std::string_view>> parse_key(std::string_view key);

}  // namespace mecapy::objects
