#include "store/text_codec.h"

#include <charconv>

#include "base/utf8.h"

namespace mecapy::store {
namespace {

void set_limit(model::Limits& limits, std::string_view name, std::string_view number) {
  for (const model::LimitRow& row : model::limit_table()) {
    if (row.name != name) continue;
    std::from_chars(number.data(), number.data() + number.size(), limits.*row.field);
  }
}

}  // namespace

std::string encode_limits(const model::Limits& limits) {
  std::string text;
  for (const model::LimitRow& row : model::limit_table()) {
    char number[32];
    const auto end = std::to_chars(number, number + sizeof number, limits.*row.field).ptr;
    if (!text.empty()) text += ' ';
    text.append(row.name).append("=").append(number, end);
  }
  return text;
}

model::Limits decode_limits(std::string_view text) {
  model::Limits limits;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos) continue;
    set_limit(limits, item.substr(0, equals), item.substr(equals + 1));
  }
  return limits;
}

std::string without_zeros(std::string text) {
  for (std::size_t at = 0; (at = text.find('\0', at)) != std::string::npos;) {
    text.replace(at, 1, base::kReplacement);
  }
  return text;
}

std::string encode_tags(const std::vector<std::string>& tags) {
  std::string text;
  for (const std::string& tag : tags) {
    for (const char c : tag) {
      if (c == '\\' || c == '\n') text += '\\';
      text += c;
    }
    text += '\n';
  }
  return text;
}

std::vector<std::string> decode_tags(std::string_view text) {
  std::vector<std::string> tags;
  std::string tag;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') {
      tags.push_back(std::move(tag));
      tag.clear();
    } else {
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      tag += text[i];
    }
  }
  return tags;
}

}  // namespace mecapy::store
