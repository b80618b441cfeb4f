// How much of itself a run can tell, whichever way its worker tells it.
#pragma once

#include <cmath>
#include <cstddef>

#include "model/limits.h"

namespace mecapy::model {

// Bytes of a progress, and of the message in it.
inline constexpr std::size_t kMostProgress = 4096;
inline constexpr std::size_t kMostProgressMessage = 200;

// Bytes of its log.
inline std::size_t most_log(const Limits& limits) {
  return static_cast<std::size_t>(std::llround(limits.log_kb * 1024));
}

}  // namespace mecapy::model
