// For tests: a request that comes over no network, and what it was answered.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http.h"

namespace mecapy::net {

// What was sent as a stream.
struct Streamed {
  Response head;
  std::optional<std::int64_t> length{};
  std::vector<std::string> pieces{};

  std::string body() const {
    std::string all;
    for (const std::string& piece : pieces) all += piece;
    return all;
  }
};

class FakeStream final : public ResponseStream {
 public:
  explicit FakeStream(Streamed& streamed) : streamed_(streamed) {}
  awaitable<Result<void>> write(std::string_view bytes) override {
    streamed_.pieces.emplace_back(bytes);
    co_return Result<void>{};
  }

 private:
  Streamed& streamed_;
};

// Keeps the answer for the test.
class FakeExchange final : public Exchange {
 public:
  explicit FakeExchange(Request request) : request_(std::move(request)) {}
  FakeExchange(std::string method, std::string path, std::string body)
      : FakeExchange(Request{std::move(method), std::move(path), {}, {}, std::move(body), "id"}) {}
  const Request& request() const override { return request_; }
  awaitable<void> respond(Response response) override {
    answer = std::move(response);
    co_return;
  }
  awaitable<std::unique_ptr<ResponseStream>> start_stream(
      Response head, std::optional<std::int64_t> length) override {
    streamed.emplace(Streamed{std::move(head), length});
    co_return std::make_unique<FakeStream>(*streamed);
  }
  awaitable<void> wait_hangup() override { co_return; }

  std::optional<Response> answer;
  std::optional<Streamed> streamed;

 private:
  Request request_;
};

}  // namespace mecapy::net
