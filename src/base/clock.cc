#include "base/clock.h"

#include <cstdio>
#include <ctime>

namespace mecapy::base {

std::string to_rfc3339(TimePoint t) {
  const std::int64_t us = t.time_since_epoch().count();
  const std::time_t seconds = static_cast<std::time_t>(us / 1'000'000);
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  char text[96];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year + 1900,
                tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                static_cast<int>(us % 1'000'000));
  return text;
}

}  // namespace mecapy::base
