// A client for the worker on this machine: one HTTP/1.1 POST over a Unix socket, answered as
// newline-delimited JSON, line by line.
#pragma once

#include <memory>
#include <string>

#include "net/line_stream.h"

namespace mecapy::net {

struct UnixPost {
  std::string socket_path;
  std::string target;               // "/execute"
  std::string body;                 // JSON
  std::size_t max_line = kMaxLine;  // bytes
};

// Connects, sends the request and reads the head. unavailable when nobody listens.
awaitable<Result<std::unique_ptr<LineStream>>> post_lines(UnixPost request,
                                                          base::Deadline deadline);

}  // namespace mecapy::net
