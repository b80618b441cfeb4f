// JSON pointers (RFC 6901) into texts that are carried as bytes.
#pragma once

#include <optional>
#include <string_view>

namespace mecapy::wire {

// What `pointer` points to in `json`, as the bytes it stands there; nothing when there is no such
// place. `json` must have passed validate_json.
std::optional<std::string_view> value_at(std::string_view json, std::string_view pointer);

}  // namespace mecapy::wire
