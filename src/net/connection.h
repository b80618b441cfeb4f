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
  std::uint64_t response_bytes = 0;
  bool stopping = false;
};

// Adds to a counter for as long as it lives.
class Counted {
 public:
  Counted(std::uint64_t& counter, std::uint64_t n) : counter_(counter), n_(n) { counter_ += n_; }
  ~Counted() { counter_ -= n_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::uint64_t& counter_;
  std::uint64_t n_;
};

// Serves what comes over `stream` until it closes. Beyond the limit of connections it answers 503.
awaitable<void> serve_connection(Stream stream, std::shared_ptr<Shared> shared);

}  // namespace mecapy::net
