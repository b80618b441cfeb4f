// A pause before something is tried again, drawn at random: who failed together does not come again
// together.
#pragma once

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

}  // namespace mecapy::base
