// Small files of the kernel: one number, one word, or lines of "key number".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace mecapy::sandbox {

// The whole content; nothing when it cannot be read. `folder` may be AT_FDCWD.
std::optional<std::string> read_text(int folder, const char* name);
// The content as one number, in full.
std::optional<std::int64_t> read_number(int folder, const char* name);
// One write of the whole text. False with errno.
bool write_text(int folder, const char* name, std::string_view text);

// One of at most a page that stays open, to be read or written again and again. Not for lists of
// processes on cgroup v1: who keeps one open reads it as it was up to a second ago.
class KernelFile {
 public:
  KernelFile() = default;
  // `access`: O_RDONLY or O_WRONLY. Without the file, it can be neither read nor written.
  KernelFile(int folder, const char* name, int access);
  std::optional<std::int64_t> number() const;
  // The number after `key` in a file of "key number" lines.
  std::optional<std::int64_t> keyed(std::string_view key) const;
  bool write(std::string_view text) const;
  explicit operator bool() const { return static_cast<bool>(file_); }

 private:
  std::optional<std::string> text() const;
  base::Fd file_;
};

}  // namespace mecapy::sandbox
