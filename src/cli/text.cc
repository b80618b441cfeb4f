#include "cli/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <set>

#include "base/utf8.h"
#include "base/whole.h"

namespace mecapy::cli {
namespace {

// The next character of `text`, taken off it; U+FFFD for a wrong byte or a broken end.
std::string_view take(std::string_view& text) {
  const int length = base::utf8_length(text);
  if (length < 1) {
    text.remove_prefix(length == 0 ? text.size() : 1);
    return base::kReplacement;
  }
  const std::string_view one = text.substr(0, static_cast<std::size_t>(length));
  text.remove_prefix(one.size());
  return one;
}

std::string escaped(char32_t c, const char* form) {
  char text[16];
  std::snprintf(text, sizeof text, form, static_cast<unsigned>(c));
  return text;
}

// As JSON has it: beyond U+FFFF in two halves (RFC 8259, section 7).
std::string escaped_in_json(char32_t c) {
  if (c < 0x10000) return escaped(c, "\\u%04x");
  const char32_t rest = c - 0x10000;
  return escaped(0xd800 + (rest >> 10), "\\u%04x") + escaped(0xdc00 + (rest & 0x3ff), "\\u%04x");
}

std::string printed(const char* form, double value, const char* unit) {
  char text[64];
  std::snprintf(text, sizeof text, form, value, unit);
  return text;
}

// Without what terminal.h styles text with, which is ours: ESC [ ... m.
std::size_t shown_width(std::string_view text) {
  std::size_t hidden = 0;
  for (std::size_t at = 0; (at = text.find("\x1b[", at)) != std::string_view::npos;) {
    const std::size_t end = text.find('m', at);
    if (end == std::string_view::npos) break;
    hidden += end + 1 - at;
    at = end;
  }
  return width(text) - hidden;
}

}  // namespace

std::string harmless(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view one = take(text);
    const char32_t c = base::code_point(one);
    if (c == '\r') {
      if (!text.starts_with('\n')) out += '\n';
    } else if (c == '\n' || c == '\t' || !base::is_deceptive(c)) {
      out += one;
    } else {
      out += escaped(c, c < 0x80 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x");
    }
  }
  return out;
}

std::string harmless_line(std::string_view text, std::size_t limit) {
  std::string line = harmless(text);
  std::ranges::replace_if(
      line, [](char c) { return c == '\n' || c == '\t'; }, ' ');
  while (line.ends_with(' ')) line.pop_back();
  if (width(line) <= limit) return line;
  std::string_view rest = line;
  std::string cut;
  for (std::size_t i = 0; i + 1 < limit; ++i) cut += take(rest);
  return cut + "\u2026";
}

std::string harmless_json(std::string_view json) {
  std::string out;
  while (!json.empty()) {
    const std::string_view one = take(json);
    const char32_t c = base::code_point(one);
    // White space between values is no part of a string, where none of it may stand.
    if (c >= 0x20 && base::is_deceptive(c)) {
      out += escaped_in_json(c);
    } else {
      out += one;
    }
  }
  return out;
}

std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], shown_width(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out += std::string(widths[i] - shown_width(row[i]) + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

std::string duration(double seconds) {
  if (seconds < 0.9995) return printed(seconds < 0.1 ? "%.1f %s" : "%.0f %s", seconds * 1e3, "ms");
  if (seconds < 99.95) return printed("%.1f %s", seconds, "s");
  const auto whole = base::whole<long long>(seconds + 0.5);
  char text[64];
  if (whole < 3600) {
    std::snprintf(text, sizeof text, "%lld min %lld s", whole / 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%lld h %lld min", whole / 3600, whole / 60 % 60);
  }
  return text;
}

std::string elapsed(double seconds) {
  const auto whole = base::whole<long long>(std::max(0., seconds));
  char text[64];
  if (whole < 3600) {
    std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60,
                  whole % 60);
  }
  return text;
}

std::string estimate_source(std::string_view source, std::optional<std::int64_t> samples) {
  if (source == "caller") return "as you say";
  if (source == "task") return "as the task says";
  if (source != "history") return "as nobody knows better";
  return "as " + std::to_string(samples.value_or(0)) + " earlier runs took at most";
}

std::string size(std::int64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return printed(unit == 0 || value >= 10 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
}

std::optional<double> parse_time(const std::string& text) {
  std::tm parts{};
  const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  double fraction = 0;
  double scale = 0.1;
  if (*rest == '.') {
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest, scale /= 10)
      fraction += scale * (*rest - '0');
  }
  if (std::string_view(rest) != "Z") return std::nullopt;
  return static_cast<double>(::timegm(&parts)) + fraction;
}

std::size_t telling_length(const std::vector<std::string>& ids) {
  for (const std::size_t length : {18UL, 23UL}) {
    std::set<std::string> seen;
    const bool told_apart = std::ranges::all_of(
        ids, [&](const std::string& id) { return seen.insert(id.substr(0, length)).second; });
    if (told_apart) return length;
  }
  return 36;
}

}  // namespace mecapy::cli
