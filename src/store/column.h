// One column of a row on its way into or out of a statement.
#pragma once

#include <soci/soci.h>

#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"

namespace mecapy::store {

// A column that may be NULL.
template <class T>
struct Nullable {
  T value{};
  mutable soci::indicator indicator = soci::i_null;  // SOCI only reads it, but asks for a reference

  Nullable() = default;
  template <class U>
  explicit Nullable(const std::optional<U>& from) {
    if (!from) return;
    value = static_cast<T>(*from);
    indicator = soci::i_ok;
  }

  std::optional<T> get() const {
    if (indicator != soci::i_ok) return std::nullopt;
    return value;
  }
};

template <class T>
auto into(Nullable<T>& column) {
  return soci::into(column.value, column.indicator);
}
template <class T>
auto use(const Nullable<T>& column, const std::string& name) {
  return soci::use(column.value, column.indicator, name);
}

// Times are kept as microseconds since 1970 in UTC.
inline long long to_us(base::TimePoint t) { return t.time_since_epoch().count(); }
inline base::TimePoint from_us(long long us) {
  return base::TimePoint(std::chrono::microseconds(us));
}
inline std::optional<base::TimePoint> from_us(const Nullable<long long>& us) {
  if (const auto value = us.get()) return from_us(*value);
  return std::nullopt;
}

}  // namespace mecapy::store
