// JSON checked without being built (base/json.h), cut into members and quoted (wire/json.h).
#include <boost/json/parse.hpp>

#include "fuzz.h"
#include "wire/json.h"

namespace mecapy::fuzz {
namespace {

constexpr std::size_t kDepth = 16;  // small, so that short inputs reach it

// The deepest nesting of brackets outside of strings.
std::size_t depth_of(std::string_view text) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == '[' || c == '{')) {
      deepest = std::max(deepest, ++depth);
    } else if (!quoted && (c == ']' || c == '}')) {
      --depth;
    }
  }
  return deepest;
}

void check_members(std::string_view text) {
  const auto members = wire::object_members(text);
  if (!members) return;
  promise(text.find('{') != std::string_view::npos, "only an object has members");
  for (const wire::Member& member : *members) {
    promise(member.raw.data() >= text.data() &&
                member.raw.data() + member.raw.size() <= text.data() + text.size(),
            "a member lies within its object");
    promise(wire::validate_json(member.raw).has_value(), "a member is JSON");
  }
}

void check_quoting(std::string_view bytes) {
  const std::string quoted = wire::quote(bytes);
  promise(is_utf8(quoted) && base::validate_json(quoted, 1).has_value(), "quoted bytes are JSON");
  boost::system::error_code failed;
  const boost::json::value value = boost::json::parse(quoted, failed);
  promise(!failed && value.is_string(), "and a string");
  if (is_utf8(bytes)) promise(std::string_view(value.get_string()) == bytes, "and the same text");
}

}  // namespace
}  // namespace mecapy::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mecapy;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto valid = base::validate_json(text, fuzz::kDepth);
  boost::json::parse_options options;
  options.max_depth = fuzz::kDepth;
  boost::system::error_code failed;
  (void)boost::json::parse(text, failed, {}, options);
  fuzz::promise(valid.has_value() == !failed, "checking says what building says");
  if (valid) {
    fuzz::promise(fuzz::is_utf8(text), "valid JSON is UTF-8");
    fuzz::promise(fuzz::depth_of(text) <= fuzz::kDepth, "valid JSON is not deeper than allowed");
    fuzz::check_members(text);
  }
  fuzz::check_quoting(text);
  return 0;
}
