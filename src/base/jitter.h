// A pause before something is tried again, drawn at random: who failed together does not come again
// together.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace mecapy::base {

// Between half of `longest` and all of it.
inline std::chrono::milliseconds jittered(std::chrono::milliseconds longest) {
  thread_local std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<std::int64_t> pause(longest.count() / 2, longest.count());
  return std::chrono::milliseconds(pause(random));
}

// The pause before attempt `attempt` + 1: `first` after the first, twice as long after each further
// one, at most `longest`; drawn as above.
inline std::chrono::milliseconds jittered_backoff(std::chrono::milliseconds first,
                                                  std::chrono::milliseconds longest, int attempt) {
  const auto factor = std::int64_t{1} << std::min(attempt - 1, 20);
  return jittered(std::min(first * factor, longest));
}

}  // namespace mecapy::base
