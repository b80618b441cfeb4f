// UTF-8 (RFC 3629), for bytes nobody vouches for.
#pragma once

#include <string>
#include <string_view>

namespace mecapy::base {

inline constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// The length of the character at the front of the non-empty `text`: 1 to 4; 0 when `text` ends in
// the middle of it; -1 when its first byte cannot begin or continue one.
int utf8_length(std::string_view text);
// `text` without the beginning of a character that it ends in the middle of.
std::string_view whole_characters(std::string_view text);

// The first `most` characters of `text`, which is UTF-8.
std::string_view first_characters(std::string_view text, std::size_t most);

// The character that is all of `character`, which is a whole one.
char32_t code_point(std::string_view character);
// Whether it is a control character, or one that has no shape of its own or changes the direction
// of what stands around it: what is shown with it is not what it seems.
bool is_deceptive(char32_t character);

// What a stranger said, to be shown to people in one line: wrong bytes as U+FFFD, control
// characters as spaces, at most `limit` bytes.
std::string one_line(std::string_view text, std::size_t limit);

}  // namespace mecapy::base
