// JSON at the edge: validated once, then carried as the bytes it came in (0.1 stays 0.1).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace mecapy::wire {

// Of requests and results alike: what one calculation returns, another can be given. The encoding
// of a result that is 100 levels deep may take four brackets a level.
inline constexpr std::size_t kMaxDepth = 512;

// base::validate_json with the depth of a request.
inline Result<void> validate_json(std::string_view text, std::size_t max_depth = kMaxDepth) {
  return base::validate_json(text, max_depth);
}

// A member of an object: its key decoded, its value as the bytes it came in.
struct Member {
  std::string key;
  std::string_view raw;
};

// What becomes of an object that has a key twice.
enum class Doubled { refused, kept };

// The members of the object `text` in order. `text` must have passed validate_json; invalid_request
// when it is not an object or, where that is refused, has a key twice.
Result<std::vector<Member>> object_members(std::string_view text,
                                           Doubled doubled = Doubled::refused);

// The items of the array `text` in order, as the bytes they came in, the first `most` of them; none
// when it is no array. `text` must have passed validate_json.
std::vector<std::string_view> array_items(std::string_view text,
                                          std::size_t most = std::string_view::npos);

// The string that `raw`, a valid JSON value, is; nothing when it is none.
std::optional<std::string> string_value(std::string_view raw);

// Builds one JSON object; a key must not be given twice.
class ObjectWriter {
 public:
  ObjectWriter& text(std::string_view key, std::string_view value);
  ObjectWriter& number(std::string_view key, double value);  // finite
  ObjectWriter& integer(std::string_view key, std::int64_t value);
  ObjectWriter& boolean(std::string_view key, bool value);
  // `json` must be valid JSON.
  ObjectWriter& raw(std::string_view key, std::string_view json);
  std::size_t size() const { return out_.size(); }  // of what was written until now, bytes
  std::string finish() &&;

 private:
  void key(std::string_view key);
  std::string out_ = "{";
};

// "..." with everything escaped that must be. Bytes that are not UTF-8 become U+FFFD.
std::string quote(std::string_view text);
// The shortest text that reads back as `value`; `value` must be finite.
std::string number_text(double value);
// "[a,b,c]" of JSON texts.
std::string array_of(const std::vector<std::string>& items);

}  // namespace mecapy::wire
