#include "client/event_reader.h"

#include <algorithm>
#include <utility>

namespace mecapy::client {

namespace {

constexpr std::size_t kLongestId = 200;  // bytes

bool is_id(std::string_view text) {
  return text.size() <= kLongestId &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

Result<std::optional<Event>> EventReader::take(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) {
    std::optional<Event> whole;
    if (has_data_) whole = std::move(event_);
    event_ = {};
    has_data_ = false;
    return whole;
  }
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "event") event_.kind = value;
  if (name == "id" && is_id(value)) event_.id = value;
  if (name == "data") {
    if (event_.data.size() + value.size() + (has_data_ ? 1 : 0) > kLargestEvent) {
      return fail(ErrorCode::too_large, "the server sent an event that is too large");
    }
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  }
  return std::optional<Event>();
}

}  // namespace mecapy::client
