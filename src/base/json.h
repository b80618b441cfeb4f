// JSON (RFC 8259) checked without being built.
#pragma once

#include <string_view>

#include "base/result.h"

namespace mecapy::base {

// One JSON text: UTF-8, at most `max_depth` levels, nothing behind it. Constant memory.
// invalid_request with the byte offset, or too_deep.
Result<void> validate_json(std::string_view text, std::size_t max_depth);

}  // namespace mecapy::base
