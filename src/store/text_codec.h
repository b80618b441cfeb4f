// What becomes one text column: lists of limits and tags, and text of a calculation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/cost.h"
#include "model/limits.h"

namespace mecapy::store {

// What the components say, a line each after that with the date of their prices: fields with tabs
// between them, "-" for a price that is not known.
std::string encode_cost(const model::Cost& cost);
model::Cost decode_cost(std::string_view text);

// "timeout_s=600 memory_mb=2048 ...", exact to the last bit. A limit that the text does not name
// (it was written before the limit existed) has its default; one that limit_table() does not know
// is passed over.
std::string encode_limits(const model::Limits& limits);
model::Limits decode_limits(std::string_view text);

// Text of a calculation, as every dialect can keep it: a zero character, which PostgreSQL refuses,
// is U+FFFD.
std::string without_zeros(std::string text);

// Each tag ends with a newline; a newline or backslash within a tag is escaped by a backslash.
std::string encode_tags(const std::vector<std::string>& tags);
std::vector<std::string> decode_tags(std::string_view text);

}  // namespace mecapy::store
