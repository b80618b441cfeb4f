#include "base/file_name.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"

namespace mecapy::base {
namespace {

constexpr std::size_t kLongest = 255;  // of ext4, XFS and tmpfs

struct Range {
  char32_t first;
  char32_t last;
};
constexpr std::array kForbidden = {
    Range{0x0000, 0x001f},    // control characters
    Range{'"', '"'},          //
    Range{'*', '*'},          //
    Range{'/', '/'},          //
    Range{':', ':'},          //
    Range{'<', '<'},          //
    Range{'>', '?'},          //
    Range{'\\', '\\'},        //
    Range{'|', '|'},          //
    Range{0x007f, 0x009f},    // control characters
    Range{0x00ad, 0x00ad},    // soft hyphen
    Range{0x061c, 0x061c},    // direction marks and what has no width
    Range{0x180e, 0x180e},    //
    Range{0x200b, 0x200f},    //
    Range{0x2028, 0x202e},    //
    Range{0x2060, 0x206f},    //
    Range{0xd800, 0xf8ff},    // surrogates, private use
    Range{0xfeff, 0xfeff},    //
    Range{0xfff0, 0xffff},    //
    Range{0xe0000, 0x10ffff}  // tags, private use
};

bool is_allowed(char32_t character) {
  return std::ranges::none_of(kForbidden, [character](const Range& range) {
    return range.first <= character && character <= range.last;
  });
}

// Of one whole character.
char32_t code_point(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  constexpr std::array<unsigned, 5> kFirstBits = {0, 0x7f, 0x1f, 0x0f, 0x07};
  char32_t value = byte(0) & kFirstBits[character.size()];
  for (std::size_t i = 1; i < character.size(); ++i) value = value << 6 | (byte(i) & 0x3fU);
  return value;
}

bool is_plain(char c) {  // RFC 8187, attr-char, without those that some clients stumble over
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

struct MediaType {
  std::string_view ending;
  std::string_view type;
};
constexpr std::array kMediaTypes = {
    MediaType{".png", "image/png"},
    MediaType{".svg", "image/svg+xml"},
    MediaType{".pdf", "application/pdf"},
    MediaType{".csv", "text/csv"},
    MediaType{".txt", "text/plain"},
    MediaType{".json", "application/json"},
    MediaType{".jpg", "image/jpeg"},
    MediaType{".jpeg", "image/jpeg"},
    MediaType{".html", "text/html"},
    MediaType{".md", "text/markdown"},
    MediaType{".npy", "application/x-npy"},
    MediaType{".vtk", "application/x-vtk"},
    MediaType{".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    MediaType{".zip", "application/zip"},
};

}  // namespace

bool is_file_name(std::string_view name) {
  if (name.empty() || name.size() > kLongest) return false;
  if (name.front() == '.' || name.front() == ' ' || name.back() == ' ') return false;
  while (!name.empty()) {
    const int length = utf8_length(name);
    if (length <= 0 || !is_allowed(code_point(name.substr(0, static_cast<std::size_t>(length))))) {
      return false;
    }
    name.remove_prefix(static_cast<std::size_t>(length));
  }
  return true;
}

std::string attachment(std::string_view name) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string ascii;
  std::string escaped;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    // One '_' for each character that is not ASCII.
    if (byte < 0x80) {
      ascii += c;
    } else if (byte >= 0xc0) {
      ascii += '_';
    }
    if (is_plain(c)) {
      escaped += c;
    } else {
      escaped += '%';
      escaped += kHex[byte >> 4];
      escaped += kHex[byte & 15];
    }
  }
  return "attachment; filename=\"" + ascii + "\"; filename*=UTF-8''" + escaped;
}

std::string media_type(std::string_view name) {
  for (const MediaType& row : kMediaTypes) {
    if (name.ends_with(row.ending)) return std::string(row.type);
  }
  return "application/octet-stream";
}

}  // namespace mecapy::base
