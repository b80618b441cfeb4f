// What a request's head says, in our words.
#pragma once

#include "net/beast.h"
#include "net/http.h"

namespace mecapy::net {

// Our Request, without its body. invalid_request when the head is not one we serve: a target that
// is not a path, no Host or two (RFC 9112 section 3.2), a transfer coding other than chunked, which
// would leave the end of the body to guesswork (section 6.1).
Result<Request> read_head(const http::request_parser<http::empty_body>& head);

}  // namespace mecapy::net
