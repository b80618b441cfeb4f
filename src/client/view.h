// JSON of a server, read member by member: what is not there, or of another type, is nothing.
#pragma once

#include <boost/json.hpp>
#include <climits>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mecapy::client {

namespace json = boost::json;

// `text` as a value; null when it is no JSON.
inline json::value parsed(std::string_view text) {
  json::error_code ec;
  json::value value = json::parse(text, ec);
  return ec ? json::value() : value;
}

// An object, which must outlive it; one of no object has no members.
class View {
 public:
  explicit View(const json::value& value) : object_(value.if_object()) {}

  std::string text(std::string_view name) const {
    const json::value* value = find(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
  }
  std::optional<double> number(std::string_view name) const {
    const json::value* value = find(name);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    return value->to_number<double>();
  }
  std::optional<std::int64_t> integer(std::string_view name) const {
    const json::value* value = find(name);
    if (value == nullptr || !value->is_int64()) return std::nullopt;
    return value->get_int64();
  }
  // One that stands for a version, a line, an attempt.
  std::optional<int> small(std::string_view name) const {
    const auto value = integer(name);
    if (!value || *value < 0 || *value > INT_MAX) return std::nullopt;
    return static_cast<int>(*value);
  }
  bool is_true(std::string_view name) const {
    const json::value* value = find(name);
    return value != nullptr && value->is_bool() && value->get_bool();
  }
  std::optional<View> object(std::string_view name) const {
    const json::value* value = find(name);
    if (value == nullptr || !value->is_object()) return std::nullopt;
    return View(*value);
  }
  const json::array& list(std::string_view name) const {
    static const json::array kNone;
    const json::value* value = find(name);
    return value != nullptr && value->is_array() ? value->get_array() : kNone;
  }
  const json::object& members() const {
    static const json::object kNone;
    return object_ == nullptr ? kNone : *object_;
  }

 private:
  const json::value* find(std::string_view name) const {
    return object_ == nullptr ? nullptr : object_->if_contains(name);
  }
  const json::object* object_;
};

}  // namespace mecapy::client
