// CPU time, as the kernel has counted it.
#pragma once

#include <cstdint>

namespace mecapy::bench {

// User and system time of this process, in microseconds.
std::int64_t own_cpu_us();

// Of the whole machine, the kernel's own work included; in steps of 10 ms.
std::int64_t machine_cpu_us();

}  // namespace mecapy::bench
