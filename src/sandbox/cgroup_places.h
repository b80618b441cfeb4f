// Where each controller of this process lives.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace mecapy::sandbox {

enum class Controller : std::uint8_t { memory, pids, cpu, cpuacct };
inline constexpr std::size_t kControllers = 4;

// Where one controller's groups can be made; version 0: nowhere, and `why`.
struct ControllerPlace {
  int version = 0;
  std::string folder{};  // of this process's own group
  std::string why{};
};
using ControllerPlaces = std::array<ControllerPlace, kControllers>;

// The name of systemd's unit that the v2 group `folder` is or is part of, when that is a service or
// scope that was not delegated; empty when there is none. systemd ends such a unit when a process
// in it is killed for memory (systemd.service(5), OOMPolicy=), the platform with its first hungry
// run. It leaves the scopes of login sessions alone.
std::string undelegated_unit(const std::string& folder);

// Reads /proc/self/cgroup and /proc/self/mountinfo. On v2 cpuacct is cpu.stat, in every group.
ControllerPlaces find_controllers();

}  // namespace mecapy::sandbox
