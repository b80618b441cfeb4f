#include "base/json.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>

#include "base/json_handler.h"

namespace mecapy::base {
namespace {

namespace json = boost::json;

// A pointer need not repeat a key of any length.
constexpr std::size_t kLongestKey = 200;

// Accepts everything and keeps nothing but the outermost object's latest key: the parser's own
// checks are the validation.
struct KeyHandler : JsonHandler {
  bool on_object_begin(ec&) {
    outermost_is_object = outermost_is_object || depth == 0;
    return enter();
  }
  bool on_object_end(std::size_t, ec&) { return leave(); }
  bool on_array_begin(ec&) { return enter(); }
  bool on_array_end(std::size_t, ec&) { return leave(); }
  bool on_key_part(sv part, std::size_t size, ec&) { return add_to_key(part, size); }
  bool on_key(sv part, std::size_t size, ec&) { return add_to_key(part, size); }

  bool enter() {
    ++depth;
    return true;
  }
  bool leave() {
    --depth;
    return true;
  }
  // `size` is the key's so far, with this part.
  bool add_to_key(sv part, std::size_t size) {
    if (depth != 1) return true;
    if (size == part.size()) key.clear();
    key += part.substr(0, kLongestKey - std::min(key.size(), kLongestKey));
    return true;
  }

  std::size_t depth = 0;
  bool outermost_is_object = false;
  std::string key;
};

Error too_deep(const KeyHandler& handler, std::size_t max_depth) {
  const std::string detail = "is nested deeper than " + std::to_string(max_depth) + " levels";
  const bool in_member = handler.outermost_is_object && handler.depth > 0;
  return {ErrorCode::too_deep,
          "the JSON " + detail,
          {{in_member ? pointer_to("", handler.key) : "", detail, {}, {}}}};
}

}  // namespace

std::string pointer_to(std::string_view parent, std::string_view key) {
  std::string out(parent);
  out += '/';
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

Result<void> validate_json(std::string_view text, std::size_t max_depth) {
  json::parse_options options;
  options.max_depth = max_depth;
  json::basic_parser<KeyHandler> parser(options);
  json::error_code ec;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (!ec && used < text.size()) ec = json::error::extra_data;
  if (ec == json::error::too_deep) return too_deep(parser.handler(), max_depth);
  if (ec) {
    return fail_at("", ErrorCode::invalid_request,
                   "not valid JSON: " + ec.message() + " at byte " + std::to_string(used));
  }
  return {};
}

}  // namespace mecapy::base
