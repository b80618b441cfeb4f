// The nearest known name for a mistyped one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mecapy::base {

// The candidate with the smallest edit distance to `word`, or "" when none is near (at most a third
// of its letters away, at least two). A candidate that begins with `word` is near.
std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace mecapy::base
