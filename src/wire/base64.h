// Base64 (RFC 4648 section 4), by OpenSSL.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mecapy::wire {

std::string encode_base64(std::string_view bytes);
// Nothing when `text` is not padded base64 without white space.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace mecapy::wire
