// Whether two JSON texts say the same: a hash that does not see space, or how a string or a
// fraction is written; nor, where it is told so, the order of an object's members.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mecapy::wire {

// Where the order of members counts: nowhere, or in all objects but the outermost, whose members
// are names. A dict of Python has an order, which code can see.
enum class MemberOrder : std::uint8_t { free, counts_below };

// SHA-256 in hexadecimal of what Python's json.loads makes of `text`: 1 and 1.0 differ, 1.0 and
// 1e0 do not, whole numbers are exact whatever their size, and of a key that is given twice the
// last value counts (where the order counts, one given twice differs from one given once). `text`
// must have passed validate_json. Takes time in proportion to its size.
std::string canonical_hash(std::string_view text, MemberOrder order);

}  // namespace mecapy::wire
