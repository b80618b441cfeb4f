#include "sandbox/keeper.h"

#include <algorithm>
#include <cmath>

namespace mecapy::sandbox {
namespace {

constexpr std::uint64_t kInodeBytes = 4096;  // one inode per page of the working folder's size

}  // namespace

double cpu_bound_s(const model::Limits& limits) {
  return limits.cpu_s > 0 ? limits.cpu_s : limits.cpu_budget_s() + 1;
}

DiskBounds disk_of(const model::Limits& limits) {
  const auto bytes = static_cast<std::uint64_t>(limits.disk_mb * 1024 * 1024);
  return {bytes, std::max<std::uint64_t>(256, bytes / kInodeBytes)};
}

}  // namespace mecapy::sandbox
