// The HTTP/1.1 server: TCP or a Unix socket, keep-alive, pipelining (answered in order), chunked
// bodies. It runs on one io_context and is not thread-safe.
//
// Protections, each answered with `error_page` where an answer is possible: header and body limits,
// a deadline for the header once its first byte came, for the body, for each write, and for an idle
// connection; Content-Length together with Transfer-Encoding is refused; a bound on connections
// (beyond it the one that has waited longest for a request is closed, or, when all are at work, the
// new one gets 503) and on the bytes of all bodies (429; they count as they arrive) and of all
// answers that are no streams (503) in memory at once.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "net/http.h"

namespace mecapy::net {

struct ServerOptions {
  std::size_t header_limit = 16 * 1024;               // bytes
  std::uint64_t body_limit = 16 * 1024 * 1024;        // bytes
  std::uint64_t bodies_limit = 256 * 1024 * 1024;     // bytes of all bodies being read or handled
  std::uint64_t responses_limit = 256 * 1024 * 1024;  // bytes of all answers being written
  std::size_t max_connections = 4096;
  std::chrono::milliseconds idle_timeout{75'000};
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds body_timeout{30'000};
  std::chrono::milliseconds write_timeout{30'000};
  // Told of each answer, on the server's thread.
  std::function<void(const Served&)> on_served{};
};

class HttpServer {
 public:
  virtual ~HttpServer() = default;
  // The port bound, for port 0.
  virtual std::uint16_t port() const = 0;
  // Stops accepting, and closes each connection after the answer it is working on. Idempotent.
  virtual void stop() = 0;
  // Requests being handled now.
  virtual std::size_t active() const = 0;
  // Those that are open.
  virtual std::size_t connections() const = 0;
};

// Accepts from the moment it returns (handlers run when `io` runs). ErrorCode::unavailable names
// the address when it cannot be bound.
Result<std::unique_ptr<HttpServer>> listen_tcp(boost::asio::io_context& io, const std::string& host,
                                               std::uint16_t port, ServerOptions options,
                                               Handler handler, Admit admit, ErrorPage error_page);
// The socket file is made with mode 0600, replacing a dead one.
Result<std::unique_ptr<HttpServer>> listen_unix(boost::asio::io_context& io,
                                                const std::string& path, ServerOptions options,
                                                Handler handler, Admit admit, ErrorPage error_page);

}  // namespace mecapy::net
