// An answer that comes as lines (newline-delimited JSON), one at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/http_client.h"

namespace mecapy::net {

// Destroying it, or close(), hangs up. Not thread-safe.
class LineStream {
 public:
  virtual ~LineStream() = default;
  virtual int status() const = 0;
  // The next line without its newline; nothing at the end of the answer. deadline_exceeded, or
  // unavailable when the peer broke off; too_large when a line is over the stream's limit.
  virtual awaitable<Result<std::optional<std::string>>> next(base::Deadline deadline) = 0;
  // Makes a pending next() fail with unavailable. May be called while next() waits.
  virtual void close() = 0;
};

inline constexpr std::size_t kMaxLine = 32 * 1024 * 1024;  // bytes

// Cuts bytes, as they come, into lines.
class LineCutter {
 public:
  explicit LineCutter(std::size_t max_line) : max_line_(max_line) {}
  void add(std::string_view bytes) { pending_ += bytes; }
  // The next whole line, nothing when more bytes are needed; too_large.
  Result<std::optional<std::string>> line();
  // What stands after the last newline; nothing when that is nothing.
  std::optional<std::string> rest();

 private:
  std::size_t max_line_;
  std::string pending_;
  std::size_t scanned_ = 0;
};

// The lines of a server's answer.
std::unique_ptr<LineStream> lines_of(std::unique_ptr<Incoming> answer,
                                     std::size_t max_line = kMaxLine);

}  // namespace mecapy::net
