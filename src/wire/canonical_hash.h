// Whether two JSON texts say the same: a hash that does not see the order of an object's members,
// space, or how a string or a fraction is written.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mecapy::wire {

// SHA-256 in hexadecimal of what Python's json.loads makes of `text`: 1 and 1.0 differ, 1.0 and
// 1e0 do not, whole numbers are exact whatever their size, and of a key that is given twice the
// last value counts. `text` must have passed validate_json. Takes time in proportion to its size.
std::string canonical_hash(std::string_view text);

}  // namespace mecapy::wire
