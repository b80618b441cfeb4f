// HTTP as the rest of the house sees it: values in, values out. Only this room sees Beast.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mecapy::net {

using boost::asio::awaitable;
using Headers = std::vector<std::pair<std::string, std::string>>;

// The first value of header `name` (compared without case), or nothing.
std::optional<std::string_view> find_header(const Headers& headers, std::string_view name);

// A request as a client sent it. Everything in it is untrusted; sizes are within the server's
// limits.
struct Request {
  std::string method;                               // "GET"
  std::string path;                                 // percent-decoded, begins with '/'
  std::multimap<std::string, std::string> query{};  // percent-decoded
  Headers headers{};
  std::string body{};
  std::string id{};  // made by the server, or the client's X-Request-ID when it is well-formed

  std::optional<std::string_view> header(std::string_view name) const {
    return find_header(headers, name);
  }
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body{};
  Headers headers{};  // further ones
};

// A response sent piece by piece (chunked).
class ResponseStream {
 public:
  virtual ~ResponseStream() = default;
  // unavailable when the peer has gone or takes nothing until the write timeout.
  virtual awaitable<Result<void>> write(std::string_view bytes) = 0;
};

// What a handler found a request to be, for who hears of its answer.
struct About {
  std::string_view route{};  // of a table; outlives the request
  std::string user{};
};

// One request and the way to answer it: exactly one of respond or start_stream.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const Request& request() const = 0;
  virtual void tell(About about) { (void)about; }
  virtual awaitable<void> respond(Response response) = 0;
  // Sends the head (response.body is ignored); the stream ends when the handler returns. With
  // `length` the body is exactly that long instead of chunked.
  virtual awaitable<std::unique_ptr<ResponseStream>> start_stream(
      Response head, std::optional<std::int64_t> length) = 0;
  // Returns when the peer has hung up. Never returns when it sends further bytes instead: cancel
  // it.
  virtual awaitable<void> wait_hangup() = 0;
};

// Looks at a request before its body is read; a response refuses it. `declared_length` is absent
// for chunked bodies.
using Admit = std::function<std::optional<Response>(const Request& head,
                                                    std::optional<std::int64_t> declared_length)>;
using Handler = std::function<awaitable<void>(Exchange&)>;
// A request and what it was answered.
struct Served {
  const Request& request;  // only with an id when no head could be read
  const About& about;
  int status = 0;
  std::chrono::microseconds took{};  // from its head to the last byte of the answer
};
// The body of an error the HTTP layer itself answers (malformed, too large, timeout).
using ErrorPage = std::function<Response(const Error& error, const std::string& request_id)>;

}  // namespace mecapy::net
