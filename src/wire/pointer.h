// JSON pointers (RFC 6901) into texts that are carried as bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mecapy::wire {

// What `pointer` points to in `json`, as the bytes it stands there; nothing when there is no such
// place. `json` must have passed validate_json.
std::optional<std::string_view> value_at(std::string_view json, std::string_view pointer);

// A step of a pointer without its slash: the name that it is, or the index, if it can be one.
std::string unescaped(std::string_view step);
std::optional<std::size_t> index_of(std::string_view step);

}  // namespace mecapy::wire
