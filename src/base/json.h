// JSON (RFC 8259) checked without being built.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mecapy::base {

// The RFC 6901 pointer to member `key` of what `parent` points to.
std::string pointer_to(std::string_view parent, std::string_view key);

// One JSON text: UTF-8, at most `max_depth` levels, nothing behind it. Constant memory.
// invalid_request with the byte offset; or too_deep with a problem that points to the member of the
// outermost object it is in ("" when the text is no object).
Result<void> validate_json(std::string_view text, std::size_t max_depth);

}  // namespace mecapy::base
