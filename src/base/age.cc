#include "base/age.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "base/whole.h"

namespace mecapy::base {
namespace {

std::string counted(double count, const char* unit) {
  char text[64];
  std::snprintf(text, sizeof text, "%.0f %s ago", std::floor(count), unit);
  return text;
}

}  // namespace

std::string age(double then, double now) {
  const double past = std::max(0., now - then);
  if (past < 60) return counted(past, "s");
  if (past < 3600) return counted(past / 60, "min");
  if (past < 2 * 86'400) return counted(past / 3600, "h");
  if (past < 30 * 86'400.) return counted(past / 86'400, "d");
  const auto seconds = whole<std::time_t>(then);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

}  // namespace mecapy::base
