// The log: one line on standard error for each thing said. A message is a constant text; what
// varies are its fields. Only base sees the library that writes it.
//
// Values may be anybody's bytes: whatever they hold, a line stays one line, valid UTF-8, and tells
// apart what is a field and what is in one.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"

namespace mecapy::base {

enum class LogLevel : std::uint8_t { debug, info, warn, error };
// text: "2026-11-23T10:00:00.000Z info api: message run=ID error=\"two words\"", for people.
// json: one object a line: ts, level, role, message, and each field as a member.
enum class LogFormat : std::uint8_t { text, json };

// A name with its value. An empty text, or no number, is left out; a long text is cut.
class LogField {
 public:
  LogField(std::string_view name, std::string_view value) : name_(name), value_(value) {}
  LogField(std::string_view name, const std::string& value)
      : LogField(name, std::string_view(value)) {}
  LogField(std::string_view name, const char* value) : LogField(name, std::string_view(value)) {}
  LogField(std::string_view name, double value) : name_(name), value_(value) {}
  LogField(std::string_view name, std::optional<double> value) : LogField(name, "") {
    if (value) value_ = *value;
  }
  template <std::integral T>
  LogField(std::string_view name, T value)
      : name_(name), value_(static_cast<std::int64_t>(value)) {}

  std::string_view name() const { return name_; }
  const std::variant<std::string_view, std::int64_t, double>& value() const { return value_; }

 private:
  std::string_view name_;
  std::variant<std::string_view, std::int64_t, double> value_;
};
using LogFields = std::initializer_list<LogField>;

// Of this process, before its threads begin; `role` is what it is among those of a server.
struct LogOptions {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
  std::string role;
};
void start_log(LogOptions options);
// After a fork that made another process of this one.
void set_log_role(std::string role);
LogFormat log_format();
// The level of that name: debug, info, warn or error; info for any other.
LogLevel log_level_named(std::string_view name);

// Thread-safe. A line below the level costs nothing but its fields.
void log(LogLevel level, std::string_view message, LogFields fields = {});
inline void log_debug(std::string_view m, LogFields f = {}) { log(LogLevel::debug, m, f); }
inline void log_info(std::string_view m, LogFields f = {}) { log(LogLevel::info, m, f); }
inline void log_warn(std::string_view m, LogFields f = {}) { log(LogLevel::warn, m, f); }
inline void log_error(std::string_view m, LogFields f = {}) { log(LogLevel::error, m, f); }

// On standard output, for who started the program: `text`; in the format json what log_info would
// say, so that output and log may be one file.
void announce(std::string_view text, std::string_view message, LogFields fields);

// ---- log_line.cc: what the above write
struct LogHead {
  TimePoint time{};
  LogLevel level = LogLevel::info;
  std::string_view role;
};
// The line without its end.
std::string log_line(LogFormat format, const LogHead& head, std::string_view message,
                     LogFields fields);
// `text` as the inside of a JSON string that shows everything: what ends lines, steers a terminal
// or turns the direction of writing is escaped, bytes that are no UTF-8 are U+FFFD.
std::string escaped(std::string_view text);

}  // namespace mecapy::base
