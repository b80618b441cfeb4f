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
// Beside what deceives: what some systems forbid, surrogates, private use, and no characters.
constexpr std::string_view kForbidden = "\"*/:<>?\\|";
constexpr std::array kForbiddenRanges = {Range{0xd800, 0xf8ff}, Range{0xfffc, 0xffff},
                                         Range{0xe0000, 0x10ffff}};

bool is_allowed(char32_t c) {
  const bool forbidden = c < 0x80 && kForbidden.find(static_cast<char>(c)) != kForbidden.npos;
  return !forbidden && !is_deceptive(c) && std::ranges::none_of(kForbiddenRanges, [c](auto range) {
    return range.first <= c && c <= range.last;
  });
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
