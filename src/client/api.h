// The client of our own API: every call with its token, and again when what failed passes.
//
// Not thread-safe: its coroutines run on one executor, one call at a time or several.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/credentials.h"
#include "client/expected.h"
#include "net/http_client.h"

namespace mecapy::client {

using net::awaitable;

struct Options {
  std::string ca{};  // a file of certificates that alone are trusted; "": the system's
  std::string login_path{};
  // For a request to be sent and answered, beside what it waits for: some MiB on a slow line.
  std::chrono::seconds answers{120};
  std::chrono::seconds patience{20};  // for what passes: a server that is full or starts again
};

// One call. A POST carries an Idempotency-Key, so that each may be sent again; a PATCH is not when
// it may have been done.
struct Call {
  std::string method = "GET";
  std::string path;  // "/api/runs/ID", percent-encoded
  std::vector<std::pair<std::string, std::string>> query{};
  std::string body{};  // JSON, or ""
  net::Headers headers{};
  std::chrono::seconds waits{0};  // for which the server may hold the answer back (?wait=)
  std::int64_t max_response = 1LL << 30;
  Expects expects = Expects::json;
};

class Api {
 public:
  Api(Target target, Options options, const base::Clock& clock);

  // The whole answer, when it is what the call expects (expected.h); else its error, of a status of
  // 400 or above by problem.h. What passes (no
  // connection after there was one, 429, 502, 503, 504) is tried again with jittered backoff, or
  // when the server says, for as long as `patience`. unauthorized when nobody is logged in.
  awaitable<Result<net::Response>> call(Call call);
  // The body alone.
  awaitable<Result<std::string>> text(Call call);
  // The answer with its body to come; the same errors and repetitions until its head is there.
  awaitable<Result<std::unique_ptr<net::Incoming>>> open(Call call);
  const base::Clock& clock() const { return clock_; }

 private:
  class Attempts;
  awaitable<Result<net::Outgoing>> request(const Call& call, Credentials::Wish wish);

  const base::Clock& clock_;
  Options options_;
  std::string url_;
  net::HttpClient http_;
  Credentials credentials_;
  bool reached_ = false;  // the server has answered once
};

// Where one of these is: "/api/runs/ID" and what follows it.
std::string run_path(std::string_view id, std::string_view rest = "");
std::string task_path(std::string_view id, std::string_view rest = "");
std::string workflow_path(std::string_view id, std::string_view rest = "");
std::string workflow_run_path(std::string_view id, std::string_view rest = "");

}  // namespace mecapy::client
