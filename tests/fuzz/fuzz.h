// What the fuzz targets share. A target reads bytes as a stranger could send them, and checks what
// its parser promises: libFuzzer finds the crashes, `promise` the broken words.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"

namespace mecapy::fuzz {

inline void promise(bool kept, const char* what) {
  if (kept) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

// The input: a first byte that chooses, the rest as it is.
struct Input {
  std::uint8_t choice = 0;
  std::string_view bytes{};
};

inline Input read_input(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return {};
  return {data[0], {reinterpret_cast<const char*>(data) + 1, size - 1}};
}

// `bytes` in pieces of 1 to 16 bytes, as a pipe may give them; `choice` decides where it is cut.
inline std::vector<std::string_view> pieces(std::string_view bytes, std::uint8_t choice) {
  std::vector<std::string_view> found;
  std::uint32_t state = choice + 1U;
  while (!bytes.empty()) {
    state = state * 1'664'525U + 1'013'904'223U;
    const std::size_t size = std::min<std::size_t>(bytes.size(), 1 + (state >> 28));
    found.push_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return found;
}

inline bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const int length = base::utf8_length(text);
    if (length <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(length));
  }
  return true;
}

}  // namespace mecapy::fuzz
