// Ids are strong types over UUIDv7 (RFC 9562 section 5.7) in lower-case text: they sort by the time
// they were made, so that "newest first" and cursors need no further column.
#pragma once

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace mecapy::base {

// A new UUIDv7, 36 characters. Monotonic within a process (the counter is in rand_a). Thread-safe.
std::string make_uuid7();
// True for any 36-character lower-case hexadecimal UUID.
bool is_uuid(std::string_view text);
// Lower-case hexadecimal, two digits a byte.
std::string hex(std::string_view bytes);
// `n` bytes from the kernel, as 2n lower-case hexadecimal digits.
std::string random_hex(std::size_t n);

template <class Tag>
class Id {
 public:
  Id() = default;
  static Id make() { return Id(make_uuid7()); }
  // Nothing when `text` is not a UUID.
  static std::optional<Id> parse(std::string_view text) {
    if (!is_uuid(text)) return std::nullopt;
    return Id(std::string(text));
  }
  const std::string& str() const { return text_; }
  bool empty() const { return text_.empty(); }
  friend bool operator==(const Id&, const Id&) = default;
  friend auto operator<=>(const Id&, const Id&) = default;

 private:
  explicit Id(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace mecapy::base

template <class Tag>
struct std::hash<mecapy::base::Id<Tag>> {
  std::size_t operator()(const mecapy::base::Id<Tag>& id) const noexcept {
    return std::hash<std::string>()(id.str());
  }
};
