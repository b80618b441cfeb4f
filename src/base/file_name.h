// Names of files that strangers choose: safe as one part of a path, of a URL (escaped) and of a
// header, on any system they may be saved on.
#pragma once

#include <string>
#include <string_view>

namespace mecapy::base {

// UTF-8 of 1 to 255 bytes that begins with neither '.' nor a space and ends with no space, without
// control characters, the characters \ / : * ? " < > | that some systems forbid, and characters
// that cannot be seen or change the direction of the text around them.
bool is_file_name(std::string_view name);

// The value of a Content-Disposition header that saves as `name` (RFC 6266): ASCII for old
// clients, and UTF-8 as RFC 8187 writes it.
std::string attachment(std::string_view name);

// The media type of a file, by its name's ending.
std::string media_type(std::string_view name);

}  // namespace mecapy::base
