#include "objects/key.h"

#include <algorithm>

namespace mecapy::objects {
namespace {

constexpr std::size_t kMaxPartBytes = 255;

bool is_key_char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || c == ' ';
}

bool is_part(std::string_view part) {
  return !part.empty() && part.size() <= kMaxPartBytes && part.front() != '.' &&
         std::ranges::all_of(part, is_key_char);
}

}  // namespace

Result<std::vector<std::string_view>> parse_key(std::string_view key) {
  const Error wrong = fail(ErrorCode::invalid_request, "this is not an object key");
  if (key.size() > kMaxKeyBytes) return wrong;
  std::vector<std::string_view> parts;
  while (true) {
    const std::string_view part = key.substr(0, key.find('/'));
    if (!is_part(part)) return wrong;
    parts.push_back(part);
    if (part.size() == key.size()) return parts;
    key.remove_prefix(part.size() + 1);
  }
}

}  // namespace mecapy::objects
