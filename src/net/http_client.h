// A client for servers elsewhere: HTTP(S) by libcurl, which only this room sees. One thread drives
// all transfers; connections are kept and used again. Certificates are always verified; http:// is
// for servers on this machine.
//
// Thread-safe. Nothing blocks the calling executor, on which each call resumes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "net/http.h"

namespace mecapy::net {

// Bytes of an open file as a request's body. The file must stay open until the call has ended.
struct FilePart {
  int fd = -1;
  std::int64_t offset = 0;
  std::int64_t size = 0;
};

struct Outgoing {
  std::string method = "GET";
  std::string url;  // https://..., percent-encoded
  Headers headers{};
  std::variant<std::string, FilePart> body{};
  std::int64_t max_response = 1 << 20;  // bytes of a whole response; too_large beyond
  // Whether a kept connection that breaks before any answer may be followed by another, and the
  // request be sent twice.
  bool repeatable = true;
};

// How far a request without an answer came.
enum class Reached : std::uint8_t {
  nobody,  // no connection: surely not done
  maybe,   // sent, and no whole answer: done or not
};
struct NoAnswer {
  Reached reached = Reached::nobody;
  Error error;  // unavailable, deadline_exceeded or too_large
};
using Answered = std::variant<Response, NoAnswer>;

// A response whose body comes as it is asked for. Destroying it ends the transfer.
class Incoming {
 public:
  virtual ~Incoming() = default;
  virtual const Response& head() const = 0;  // without a body
  // The next bytes; empty at the end of the body. unavailable when the peer broke off.
  virtual awaitable<Result<std::string>> next(base::Deadline deadline) = 0;
  // Makes a pending next() fail with unavailable.
  virtual void close() = 0;
};
using Opened = std::variant<std::unique_ptr<Incoming>, NoAnswer>;

struct ClientOptions {
  std::string ca;  // a file of certificates that alone are trusted; "": the system's
  int connections = 32;
  std::chrono::milliseconds connect{5'000};
};

class HttpClient {
 public:
  explicit HttpClient(ClientOptions options);
  // What is under way is answered with NoAnswer.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Request and whole response. Cancelled, the transfer is ended.
  awaitable<Answered> send(Outgoing request, base::Deadline deadline);
  // Until the head of the response is there.
  awaitable<Opened> open(Outgoing request, base::Deadline deadline);

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

// usage for a URL that is none, or that goes to another machine without TLS.
Result<void> check_url(const std::string& url);

}  // namespace mecapy::net
