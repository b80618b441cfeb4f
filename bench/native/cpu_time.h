// CPU time of processes, as the kernel has counted it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace mecapy::bench {

// This process's children.
std::vector<pid_t> own_children();

// User and system time in microseconds of `root`, its living descendants, and all their children
// that were waited for. In steps of 10 ms: a difference over many runs is what it is for.
std::int64_t tree_cpu_us(pid_t root);

// Of this process alone, and of its children that were waited for.
std::int64_t own_cpu_us();
std::int64_t ended_children_cpu_us();

// Of the whole machine, the kernel's own work included; in steps of 10 ms.
std::int64_t machine_cpu_us();

}  // namespace mecapy::bench
