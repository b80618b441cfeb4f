// A client for the worker on this machine: one HTTP/1.1 POST over a Unix socket, answered as
// newline-delimited JSON, line by line.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/http.h"

namespace mecapy::net {

// The answer of one POST. Destroying it, or close(), hangs up. Not thread-safe.
class LineStream {
 public:
  virtual ~LineStream() = default;
  virtual int status() const = 0;
  // The next line without its newline; nothing at the end of the answer. deadline_exceeded, or
  // unavailable when the peer broke off; too_large when a line is over `max_line`.
  virtual awaitable<Result<std::optional<std::string>>> next(base::Deadline deadline) = 0;
  // Makes a pending next() fail with unavailable. May be called while next() waits.
  virtual void close() = 0;
};

struct UnixPost {
  std::string socket_path;
  std::string target;                       // "/execute"
  std::string body;                         // JSON
  std::size_t max_line = 32 * 1024 * 1024;  // bytes
};

// Connects, sends the request and reads the head. unavailable when nobody listens.
awaitable<Result<std::unique_ptr<LineStream>>> post_lines(UnixPost request,
                                                          base::Deadline deadline);

}  // namespace mecapy::net
