// Time is given to those who need it, so that tests never sleep.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace mecapy::base {

// UTC, in microseconds since 1970-01-01T00:00:00Z. What the store keeps.
using TimePoint = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

// An absolute point of the steady clock by which a call must have ended.
using Deadline = std::chrono::steady_clock::time_point;

inline Deadline after(std::chrono::steady_clock::duration d) {
  return std::chrono::steady_clock::now() + d;
}

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now());
  }
};

// Stands still until a test moves it.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(TimePoint start) : us_(start.time_since_epoch().count()) {}
  TimePoint now() const override { return TimePoint(std::chrono::microseconds(us_.load())); }
  void advance(std::chrono::microseconds d) { us_ += d.count(); }

 private:
  std::atomic<std::int64_t> us_;
};

// Since 1970, for what is told and reckoned in seconds.
inline double seconds(TimePoint t) {
  return std::chrono::duration<double>(t.time_since_epoch()).count();
}

// RFC 3339 in UTC with microseconds: "2026-11-23T10:00:00.000001Z".
std::string to_rfc3339(TimePoint t);

}  // namespace mecapy::base
