// For tests: a server on a free port of the loopback that answers as the test says, where heads
// and malformed requests are of no interest.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "net/http_server.h"

namespace mecapy::net {

inline std::unique_ptr<HttpServer> listen_here(boost::asio::io_context& io, Handler handler,
                                               ServerOptions options = {}) {
  return listen_tcp(
             io, "127.0.0.1", 0, std::move(options), std::move(handler),
             [](const Request&, std::optional<std::int64_t>) { return std::optional<Response>(); },
             [](const Error&, const std::string&) { return Response{.status = 400}; })
      .value();
}

}  // namespace mecapy::net
