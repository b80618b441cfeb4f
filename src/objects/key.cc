#include "objects/key.h"

#include "base/file_name.h"

namespace mecapy::objects {
Result<std::vector<std::string_view>> parse_key(std::string_view key) {
  const Error wrong = fail(ErrorCode::invalid_request, "this is not an object key");
  if (key.size() > kMaxKeyBytes) return wrong;
  std::vector<std::string_view> parts;
  while (true) {
    const std::string_view part = key.substr(0, key.find('/'));
    if (!base::is_file_name(part)) return wrong;
    parts.push_back(part);
    if (part.size() == key.size()) return parts;
    key.remove_prefix(part.size() + 1);
  }
}

}  // namespace mecapy::objects
