// Small files of the kernel: one number or one word each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mecapy::sandbox {

// The whole content; nothing when it cannot be read. `folder` may be AT_FDCWD.
std::optional<std::string> read_text(int folder, const char* name);
// The content as one number, in full.
std::optional<std::int64_t> read_number(int folder, const char* name);
// The number after `key` in a file of "key number" lines.
std::optional<std::int64_t> read_keyed(int folder, const char* name, std::string_view key);
// One write of the whole text. False with errno.
bool write_text(int folder, const char* name, std::string_view text);

}  // namespace mecapy::sandbox
