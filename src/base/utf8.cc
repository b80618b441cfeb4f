#include "base/utf8.h"

#include <algorithm>
#include <array>
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

struct Range {
  char32_t first;
  char32_t last;
};
constexpr std::array kDeceptive = {
    Range{0x0000, 0x001f},    // controls
    Range{0x007f, 0x009f},    //
    Range{0x00ad, 0x00ad},    // soft hyphen
    Range{0x061c, 0x061c},    // direction marks, and what has no width
    Range{0x180e, 0x180e},    //
    Range{0x200b, 0x200f},    //
    Range{0x2028, 0x202e},    //
    Range{0x2060, 0x206f},    //
    Range{0xfeff, 0xfeff},    //
    Range{0xfff0, 0xfffb},    // annotations
    Range{0xe0000, 0xe0fff},  // tags
};

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

std::string_view first_characters(std::string_view text, std::size_t most) {
  std::size_t characters = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
    if (begins && characters++ == most) return text.substr(0, at);
  }
  return text;
}

char32_t code_point(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  constexpr std::array<unsigned, 5> kFirstBits = {0, 0x7f, 0x1f, 0x0f, 0x07};
  char32_t value = byte(0) & kFirstBits[character.size()];
  for (std::size_t i = 1; i < character.size(); ++i) value = value << 6 | (byte(i) & 0x3fU);
  return value;
}

bool is_deceptive(char32_t character) {
  return std::ranges::any_of(kDeceptive, [character](const Range& range) {
    return range.first <= character && character <= range.last;
  });
}

std::string one_line(std::string_view text, std::size_t limit) {
  std::string line;
  while (!text.empty() && line.size() < limit) {
    const int length = utf8_length(text);
    const auto size = static_cast<std::size_t>(std::max(length, 1));
    const bool control = static_cast<unsigned char>(text[0]) < 0x20 || text[0] == 0x7f;
    if (length < 1) {
      line += kReplacement;
    } else {
      line += control ? std::string_view(" ") : text.substr(0, size);
    }
    text.remove_prefix(length == 0 ? text.size() : size);
  }
  line.resize(whole_characters(std::string_view(line).substr(0, limit)).size());
  return line;
}

}  // namespace mecapy::base
