// Calls of a worker to its home (home/home.h), with the token of its one attempt.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <variant>

#include "net/http_client.h"

namespace mecapy::worker {

using boost::asio::awaitable;

struct HomeOptions {
  std::string url;    // https://HOST[:PORT][/PATH]; http:// for this machine only
  std::string token;  // of the attempt
  // A file of certificates that alone are trusted, by links, too; "": the system's.
  std::string ca;
  // So long a home that is away is called again before it is given up.
  std::chrono::milliseconds patience{900'000};
  std::chrono::milliseconds call{60'000};  // one call
  std::int64_t slowest = 128 << 10;        // bytes a second of a large object by a link
  std::chrono::milliseconds backoff{200};  // before the first repetition; doubles, with jitter
  std::chrono::milliseconds backoff_max{15'000};
};

class HomeCalls {
 public:
  explicit HomeCalls(HomeOptions options);

  // The answer, whatever its status but for those that pass (no answer, 429, 5xx): then the call is
  // made again until options.patience is over: unavailable. Calls must be safe to repeat.
  awaitable<Result<net::Response>> call(std::string method, std::string path,
                                        std::variant<std::string, net::FilePart> body,
                                        std::int64_t max_response = 1 << 20);
  // A call elsewhere, by a link that home gave: without the token, once, to https:// or this
  // machine only. unavailable when there is no answer; no error of it holds the link.
  awaitable<Result<net::Response>> follow(std::string method, std::string url, net::Headers headers,
                                          std::variant<std::string, net::FilePart> body,
                                          std::int64_t max_response);
  const HomeOptions& options() const { return options_; }

 private:
  HomeOptions options_;
  net::HttpClient http_;
};

// What home has to say to a call it refuses; "" for an answer that says nothing.
std::string told_by(const net::Response& response);

}  // namespace mecapy::worker
