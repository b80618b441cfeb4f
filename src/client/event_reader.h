// Server-sent events (WHATWG HTML), out of the lines of a stream. The lines are untrusted.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mecapy::client {

struct Event {
  std::string kind{};  // "status", "log", "progress", or one that we do not know
  std::string data{};  // JSON, as the server sent it
  std::string id{};    // where the stream goes on behind this event; can be sent in a header
};

class EventReader {
 public:
  static constexpr std::size_t kLargestEvent = 4 * 1024 * 1024;  // bytes of its data
  // The event that `line` ends, when it ends one. too_large.
  Result<std::optional<Event>> take(std::string_view line);

 private:
  Event event_;
  bool has_data_ = false;
};

}  // namespace mecapy::client
