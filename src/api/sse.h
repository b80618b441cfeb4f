// Server-sent events (WHATWG HTML, "Server-sent events"): what streams of them have in common.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/http.h"

namespace mecapy::api {

// How often something is sent when there is no news.
inline constexpr std::chrono::seconds kKeepAlive{10};
inline constexpr std::string_view kStillHere = ": still here\n\n";

// `data` is JSON, in which a line's end, that would end the event's, can only stand for a space.
inline std::string sse_event(std::string_view type, std::string_view id, std::string data) {
  std::ranges::replace_if(
      data, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return "id: " + std::string(id) + "\nevent: " + std::string(type) + "\ndata: " + data + "\n\n";
}

inline net::Response sse_head() {
  net::Response head;
  head.content_type = "text/event-stream";
  head.headers = {{"Cache-Control", "no-store"}};
  return head;
}

// "1.2.30" as N numbers, none of them negative; nothing for all else.
template <std::size_t N>
std::optional<std::array<std::int64_t, N>> dotted_numbers(std::string_view text) {
  std::array<std::int64_t, N> numbers{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::size_t i = 0; i < N; ++i) {
    const auto read = std::from_chars(at, end, numbers[i]);
    const bool last = i + 1 == N;
    if (read.ec != std::errc() || numbers[i] < 0 ||
        (last ? read.ptr != end : read.ptr == end || *read.ptr != '.')) {
      return std::nullopt;
    }
    at = read.ptr + 1;
  }
  return numbers;
}

// Counts a stream for as long as it lives.
class Counted {
 public:
  explicit Counted(std::size_t& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::size_t& count_;
};

}  // namespace mecapy::api
