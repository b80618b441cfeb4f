#include "base/utf8.h"

#include <cstddef>

namespace mecapy::base {
namespace {

int sequence_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}

}  // namespace

int utf8_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const int n = sequence_length(lead);
  if (n == 0) return -1;
  for (int i = 1; i < n; ++i) {
    if (static_cast<std::size_t>(i) >= text.size()) return 0;
    const auto b = static_cast<unsigned char>(text[static_cast<std::size_t>(i)]);
    if ((b & 0xc0) != 0x80) return -1;
    if (i == 1 && ((lead == 0xe0 && b < 0xa0) || (lead == 0xed && b > 0x9f) ||
                   (lead == 0xf0 && b < 0x90) || (lead == 0xf4 && b > 0x8f))) {
      return -1;
    }
  }
  return n;
}

std::string_view whole_characters(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const std::string_view tail = text.substr(text.size() - back);
    if ((static_cast<unsigned char>(tail.front()) & 0xc0) == 0x80) continue;
    return utf8_length(tail) == 0 ? text.substr(0, text.size() - back) : text;
  }
  return text;
}

}  // namespace mecapy::base
