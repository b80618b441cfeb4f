// Answers of the API that are errors, as our own errors. What a server says is untrusted: bounded,
// and whoever shows it makes it harmless.
#pragma once

#include "base/result.h"
#include "net/http.h"

namespace mecapy::client {

// The error that `answer`, of a status of 400 or above, tells: by its problem's code (RFC 9457), or
// by its status when it has none that we know.
Error problem_of(const net::Response& answer);

// The first value of the header as seconds; nothing when it is no whole number up to an hour.
std::optional<std::chrono::seconds> retry_after(const net::Response& answer);

}  // namespace mecapy::client
