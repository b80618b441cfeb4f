// What an answer must be to count as one of our API: a proxy that wants a login, a portal of a
// network or another server answers, too, and well by its status.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "net/http.h"

namespace mecapy::client {

// bytes: of any type, as whoever asked knows their hash.
enum class Expects : std::uint8_t { json, text, events, bytes, nothing };

// Whether `answer` of `url`, of a status below 400, is what was expected, by its status and type.
// usage for a redirect, with the place it names: no token follows it. unavailable otherwise.
Result<void> check_answer(const std::string& url, Expects expected, const net::Response& answer);

// The error of an answer of 3xx; nothing of another.
Result<void> refuse_redirect(const std::string& url, const net::Response& answer);

}  // namespace mecapy::client
