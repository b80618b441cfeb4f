// Words for people. What strangers said (a server, a calculation) is made fit for a terminal here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mecapy::cli {

// `text` without power over a terminal: lines and tabs stay, a lone carriage return ends a line;
// other control characters, and those that turn or hide text, are written as \x1b or \u202e; wrong
// bytes become U+FFFD.
std::string harmless(std::string_view text);
// The same in one line of at most `limit` characters, the last of which is then an ellipsis.
std::string harmless_line(std::string_view text, std::size_t limit = 200);
// The same JSON value, with such characters escaped. `json` must be valid.
std::string harmless_json(std::string_view json);

// Characters of UTF-8 text, which are taken for a column each.
std::size_t width(std::string_view text);

// Columns aligned with two spaces between; the last column is not padded. Styling sequences
// (terminal.h) take no room.
std::string table(const std::vector<std::vector<std::string>>& rows);

// "0.8 ms", "12.3 s", "4 min 5 s", "2 h 3 min".
std::string duration(double seconds);
// "0:07", "12:34", "1:02:03": of what goes on, whole seconds.
std::string elapsed(double seconds);
// By whom a duration is expected, as the server calls it, in words; `samples` are earlier runs.
std::string estimate_source(std::string_view source, std::optional<std::int64_t> samples);
// "12 B", "3.4 KiB", "56 MiB".
std::string size(std::int64_t bytes);
// Seconds since 1970 of "2026-11-23T10:00:00.000001Z"; nothing for another form.
std::optional<double> parse_time(const std::string& text);

// How many characters of ids must be shown to tell these apart from each other and, nearly always,
// from all others: their time and the first digits after it, or more.
std::size_t telling_length(const std::vector<std::string>& ids);

}  // namespace mecapy::cli
