#include "client/whole.h"

#include <algorithm>

namespace mecapy::client {

std::optional<std::string> Whole::raw(std::string_view name) const {
  for (const wire::Member& member : members) {
    if (member.key == name) return std::string(member.raw);
  }
  return std::nullopt;
}

Error broken() { return fail(ErrorCode::unavailable, "the server's answer cannot be read"); }

Result<Whole> read_whole(const std::string& text, std::initializer_list<std::string_view> large) {
  if (!wire::validate_json(text, 2 * wire::kMaxDepth)) return broken();
  auto members = wire::object_members(text);
  if (!members) return broken();
  Whole whole{json::object(), std::move(*members)};
  for (const wire::Member& member : whole.members) {
    if (std::ranges::find(large, member.key) != large.end()) continue;
    json::error_code ec;
    json::value value = json::parse(member.raw, ec);
    if (!ec) whole.value.get_object()[member.key] = std::move(value);
  }
  return whole;
}

}  // namespace mecapy::client
