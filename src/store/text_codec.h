// Small lists that are one text column: limits and tags.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/limits.h"

namespace mecapy::store {

// "timeout_s=600 memory_mb=2048 ...", exact to the last bit. A limit that the text does not name
// (it was written before the limit existed) has its default; one that limit_table() does not know
// is passed over.
std::string encode_limits(const model::Limits& limits);
model::Limits decode_limits(std::string_view text);

// Each tag ends with a newline; a newline or backslash within a tag is escaped by a backslash.
std::string encode_tags(const std::vector<std::string>& tags);
std::vector<std::string> decode_tags(std::string_view text);

}  // namespace mecapy::store
