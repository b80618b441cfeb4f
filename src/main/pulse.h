// The pulse of the launcher's children. A child's pipe to the launcher first carries one line that
// says it is ready (from the API process maybe kMigrating before it), then a byte every second,
// written by its event loop: a loop that hangs is heard as silence, wherever it hangs.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string_view>

#include "base/fd.h"

namespace mecapy::main {

// It may take long: the database is on its way to another schema.
inline constexpr std::string_view kMigrating = "migrating\n";
inline constexpr std::chrono::seconds kPulseEvery{1};
// Ten beats: a machine that is short of CPU or memory delays some, not all of them.
inline constexpr std::chrono::seconds kLongestSilence{10};

// The child's side: beats until the event loop ends. The pipe is made non-blocking: a launcher that
// does not read holds nobody up.
boost::asio::awaitable<void> keep_pulse(base::Fd pipe);

// The launcher's side: whether one child hangs.
class PulseWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // Look at least this often.
  static constexpr std::chrono::seconds kLookEvery{1};

  // The first word may take `patience`.
  PulseWatch(Time now, std::chrono::seconds patience) : patience_(patience), quiet_since_(now) {}
  PulseWatch() : PulseWatch(Time(), {}) {}

  void heard(Time now);
  // Whether the child was silent for too long. Only time in which this process ran counts: after a
  // gap between two looks (the machine stood still, or we did) the child has all its time again.
  bool hangs(Time now);

 private:
  std::chrono::seconds patience_;
  Time quiet_since_;
  Time looked_at_ = quiet_since_;
};

}  // namespace mecapy::main
