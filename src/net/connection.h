// One connection of a server, from accept to close.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>

#include "net/beast.h"
#include "net/http_server.h"

namespace mecapy::net {

class Place;

// State shared by the acceptor and the connections.
struct Shared {
  ServerOptions options;
  Handler handler;
  Admit admit;
  ErrorPage error_page;
  std::list<Place*> waiting{};  // those without a whole request head, the longest wait first
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

// One connection's place within the limit of connections, until it goes or is taken away.
class Place {
 public:
  Place(Shared& shared, Stream& stream) : shared_(shared), stream_(stream) {
    ++shared_.connections;
  }
  ~Place() { leave(); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  // What of the next request is there already: the first bytes may have come with the last one.
  enum class Heard : std::uint8_t { nothing, something };
  // The connection waits for its next request: until that begin()s, others may take the place.
  void wait(Heard heard);
  // First bytes of a request are there; stop_waiting() does nothing from now on.
  void hear() { silent_ = false; }
  // The request's head is there as a whole.
  void begin();
  // Ends the wait of a connection that has sent nothing of a request.
  void stop_waiting();
  // Closes the connection without a word.
  void take_away();
  bool taken_away() const { return left_; }

 private:
  void leave();

  Shared& shared_;
  Stream& stream_;
  std::optional<std::list<Place*>::iterator> waiting_;
  bool silent_ = true;
  bool left_ = false;
};

// Serves what comes over `stream` until it closes. Beyond the limit of connections it takes the
// place of the one that has waited longest for a request; when all are at work it answers 503.
awaitable<void> serve_connection(Stream stream, std::shared_ptr<Shared> shared);

}  // namespace mecapy::net
