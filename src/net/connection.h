// One connection of a server, from accept to close.
#pragma once

#include <cstdint>
#include <memory>
#include <set>

#include "net/beast.h"
#include "net/http_server.h"

namespace mecapy::net {

// State shared by the acceptor and the connections.
struct Shared {
  ServerOptions options;
  Handler handler;
  Admit admit;
  ErrorPage error_page;
  std::set<Stream*> idle{};  // connections that wait for a request
  std::size_t connections = 0;
  std::size_t active = 0;
  std::uint64_t body_bytes = 0;
  bool stopping = false;
};

// Serves what comes over `stream` until it closes. Beyond the limit of connections it answers 503.
awaitable<void> serve_connection(Stream stream, std::shared_ptr<Shared> shared);

}  // namespace mecapy::net
