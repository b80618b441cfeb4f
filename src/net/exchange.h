// One request and its answer on a server's connection.
#pragma once

#include <memory>

#include "net/beast.h"
#include "net/http.h"

namespace mecapy::net {

// Our Response as Beast's, without the length.
http::response<http::string_body> to_beast(Response response, const std::string& request_id,
                                           bool keep_alive);

class StreamWriter;
struct Shared;

class ExchangeImpl final : public Exchange {
 public:
  ExchangeImpl(Stream& stream, Shared& shared, Request request, bool keep_alive);

  const Request& request() const override { return request_; }
  void tell(About about) override { about_ = std::move(about); }
  awaitable<void> respond(Response response) override;
  awaitable<std::unique_ptr<ResponseStream>> start_stream(
      Response head, std::optional<std::int64_t> length) override;
  awaitable<void> wait_hangup() override;

  // After the handler: ends a stream, answers for a handler that did not. True: keep the
  // connection.
  awaitable<bool> finish();
  void close_after() { keep_alive_ = false; }
  const About& about() const { return about_; }
  int status() const { return status_; }

 private:
  Stream& stream_;
  Shared& shared_;
  Request request_;
  About about_;
  int status_ = 0;
  bool keep_alive_;
  bool head_only_;
  bool answered_ = false;
  std::optional<std::int64_t> length_;
  std::shared_ptr<StreamWriter> writer_;
};

}  // namespace mecapy::net
