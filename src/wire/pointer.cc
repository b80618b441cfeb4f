#include "wire/pointer.h"

#include <charconv>
#include <string>

#include "wire/json.h"

namespace mecapy::wire {

std::string unescaped(std::string_view token) {
  std::string name;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~' && i + 1 < token.size()) {
      name += token[++i] == '0' ? '~' : '/';
    } else {
      name += token[i];
    }
  }
  return name;
}

// RFC 6901, section 4: digits without a leading zero.
std::optional<std::size_t> index_of(std::string_view token) {
  if (token.empty() || (token.size() > 1 && token.front() == '0')) return std::nullopt;
  std::size_t index = 0;
  const auto read = std::from_chars(token.data(), token.data() + token.size(), index);
  if (read.ec != std::errc() || read.ptr != token.data() + token.size()) return std::nullopt;
  return index;
}

namespace {

std::optional<std::string_view> member_at(std::string_view json, std::string_view token) {
  if (json.starts_with('[')) {
    const auto index = index_of(token);
    if (!index) return std::nullopt;
    const auto items = array_items(json);
    return *index < items.size() ? std::optional(items[*index]) : std::nullopt;
  }
  const auto members = object_members(json);
  if (!members) return std::nullopt;
  const std::string name = unescaped(token);
  for (const Member& member : *members) {
    if (member.key == name) return member.raw;
  }
  return std::nullopt;
}

std::string_view trimmed(std::string_view json) {
  const std::size_t begin = json.find_first_not_of(" \n\r\t");
  if (begin == std::string_view::npos) return "";
  return json.substr(begin, json.find_last_not_of(" \n\r\t") + 1 - begin);
}

}  // namespace

std::optional<std::string_view> value_at(std::string_view json, std::string_view pointer) {
  std::optional<std::string_view> at = trimmed(json);
  while (at && !pointer.empty()) {
    if (pointer.front() != '/') return std::nullopt;
    pointer.remove_prefix(1);
    const std::size_t end = pointer.find('/');
    at = member_at(*at, pointer.substr(0, end));
    pointer = end == std::string_view::npos ? std::string_view() : pointer.substr(end);
  }
  return at;
}

}  // namespace mecapy::wire
