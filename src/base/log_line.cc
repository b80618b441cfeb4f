#include <array>
#include <cmath>
#include <cstdio>

#include "base/log.h"
#include "base/utf8.h"

namespace mecapy::base {
namespace {

constexpr std::size_t kLongest = 600;  // bytes of a value

struct Range {
  std::uint32_t first, last;
};
// Control characters, line and paragraph separators, marks that turn the direction of writing.
constexpr std::array kUnseen = {Range{0, 0x1f},        Range{0x7f, 0x9f},
                                Range{0x200e, 0x200f}, Range{0x2028, 0x202e},
                                Range{0x2066, 0x2069}, Range{0xfeff, 0xfeff}};

bool is_unseen(std::uint32_t code) {
  for (const Range& range : kUnseen) {
    if (code >= range.first && code <= range.last) return true;
  }
  return false;
}

// Of one whole character.
std::uint32_t code_point(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0);
  std::uint32_t code = byte(0) & (0xffu >> (character.size() + 1));
  for (std::size_t i = 1; i < character.size(); ++i) code = code << 6 | (byte(i) & 0x3fu);
  return code;
}

void append_escaped(std::string& out, std::string_view character) {
  const std::uint32_t code = code_point(character);
  if (code == '"' || code == '\\') {
    out += '\\';
    out += character;
  } else if (code == '\n') {
    out += "\\n";
  } else if (code == '\t') {
    out += "\\t";
  } else if (is_unseen(code)) {
    char text[8];
    std::snprintf(text, sizeof text, "\\u%04x", code);
    out += text;
  } else {
    out += character;
  }
}

std::string_view cut(std::string_view text) {
  return text.size() <= kLongest ? text : whole_characters(text.substr(0, kLongest));
}

std::string quoted(std::string_view text) {
  return "\"" + escaped(cut(text)) + (text.size() > kLongest ? "..." : "") + "\"";
}

// Whether people can read `text` as one word, without quotes.
bool is_word(std::string_view text) {
  for (const char c : text) {
    if (c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\') return false;
  }
  return text.size() <= kLongest;
}

std::string number(double value) {
  if (!std::isfinite(value)) return "null";
  char text[32];
  std::snprintf(text, sizeof text, "%.10g", value);
  return text;
}

std::string value_text(LogFormat format, const LogField& field) {
  const auto& value = field.value();
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return std::to_string(*whole);
  if (const auto* real = std::get_if<double>(&value)) return number(*real);
  const std::string_view text = std::get<std::string_view>(value);
  return format == LogFormat::text && is_word(text) ? std::string(text) : quoted(text);
}

bool is_empty(const LogField& field) {
  const auto* text = std::get_if<std::string_view>(&field.value());
  return text != nullptr && text->empty();
}

std::string_view name(LogLevel level) {
  static constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warn", "error"};
  return kNames.at(static_cast<std::size_t>(level));
}

// RFC 3339, UTC, milliseconds.
std::string moment(TimePoint time) {
  std::string text = to_rfc3339(time);
  text.replace(text.size() - 4, 4, "Z");
  return text;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const int length = utf8_length(text);
    const std::size_t taken = length > 0 ? static_cast<std::size_t>(length) : 1;
    if (length > 0) {
      append_escaped(out, text.substr(0, taken));
    } else {
      out += kReplacement;
    }
    text.remove_prefix(taken);
  }
  return out;
}

std::string log_line(LogFormat format, const LogHead& head, std::string_view message,
                     LogFields fields) {
  const bool json = format == LogFormat::json;
  const std::string level(name(head.level));
  std::string line =
      json ? R"({"ts":")" + moment(head.time) + R"(","level":")" + level + R"(","role":)" +
                 quoted(head.role) + R"(,"message":)" + quoted(message)
           : moment(head.time) + " " + level + " " + escaped(head.role) + ": " + escaped(message);
  for (const LogField& field : fields) {
    if (is_empty(field)) continue;
    line += json ? ",\"" : " ";
    line += field.name();
    line += json ? "\":" : "=";
    line += value_text(format, field);
  }
  return json ? line + "}" : line;
}

}  // namespace mecapy::base
