// The one tmpfs of a sandbox that its run may write to: how it is mounted, and bounded anew.
#pragma once

#include <sys/mount.h>

#include <string>

#include "sandbox/protocol.h"

namespace mecapy::zygote {

inline constexpr unsigned long kQuiet = MS_NOSUID | MS_NODEV | MS_NOEXEC;

// tmpfs(5): "size=268435456,nr_inodes=65536".
inline std::string size_options(const sandbox::DiskBounds& disk) {
  return "size=" + std::to_string(disk.bytes) + ",nr_inodes=" + std::to_string(disk.inodes);
}

}  // namespace mecapy::zygote
