#include "net/exchange.h"

#include <sys/socket.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>

#include "net/connection.h"

namespace mecapy::net {

http::response<http::string_body> to_beast(Response response, const std::string& request_id,
                                           bool keep_alive) {
  http::response<http::string_body> out{static_cast<http::status>(response.status), 11};
  if (!response.content_type.empty()) out.set(http::field::content_type, response.content_type);
  out.set("X-Request-ID", request_id);
  out.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) {
    // A line break would begin another header (RFC 9110 section 5.5).
    if (value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos) {
      out.set(name, value);
    }
  }
  out.keep_alive(keep_alive);
  out.body() = std::move(response.body);
  return out;
}

// Chunked or fixed-length writing of one answer.
class StreamWriter final : public ResponseStream {
 public:
  StreamWriter(Stream& stream, std::chrono::milliseconds timeout, bool chunked, bool head_only)
      : stream_(stream), timeout_(timeout), chunked_(chunked), head_only_(head_only) {}

  awaitable<Result<void>> write(std::string_view bytes) override {
    if (bytes.empty() || head_only_) co_return Result<void>{};
    error_code ec;
    stream_.expires_after(timeout_);
    if (chunked_) {
      co_await asio::async_write(stream_, http::make_chunk(asio::buffer(bytes)), to(ec));
    } else {
      co_await asio::async_write(stream_, asio::buffer(bytes), to(ec));
      sent_ += static_cast<std::int64_t>(bytes.size());
    }
    if (ec) failed_ = true;
    if (ec) co_return fail(ErrorCode::unavailable, "the client has gone: " + ec.message());
    co_return Result<void>{};
  }

  // The end of the body. False when the connection cannot be used again.
  awaitable<bool> finish(std::optional<std::int64_t> length) {
    if (failed_) co_return false;
    if (head_only_) co_return true;
    if (!chunked_) co_return length == sent_;
    error_code ec;
    stream_.expires_after(timeout_);
    co_await asio::async_write(stream_, http::make_chunk_last(), to(ec));
    co_return !ec;
  }

 private:
  Stream& stream_;
  std::chrono::milliseconds timeout_;
  bool chunked_;
  bool head_only_;
  bool failed_ = false;
  std::int64_t sent_ = 0;
};

namespace {

// A ResponseStream for the handler; the connection keeps the writer itself.
class StreamHandle final : public ResponseStream {
 public:
  explicit StreamHandle(std::shared_ptr<StreamWriter> writer) : writer_(std::move(writer)) {}
  awaitable<Result<void>> write(std::string_view bytes) override { return writer_->write(bytes); }

 private:
  std::shared_ptr<StreamWriter> writer_;
};

}  // namespace

ExchangeImpl::ExchangeImpl(Stream& stream, Shared& shared, Request request, bool keep_alive)
    : stream_(stream),
      shared_(shared),
      request_(std::move(request)),
      keep_alive_(keep_alive),
      head_only_(request_.method == "HEAD") {}

awaitable<void> ExchangeImpl::respond(Response response) {
  if (answered_) co_return;
  answered_ = true;
  // Clients that do not read must not fill the memory with what waits for them.
  if (shared_.response_bytes + response.body.size() > shared_.options.responses_limit) {
    response = shared_.error_page(fail(ErrorCode::unavailable, "too many large answers at once"),
                                  request_.id);
  }
  status_ = response.status;
  const Counted bytes(shared_.response_bytes, response.body.size());
  auto message = to_beast(std::move(response), request_.id, keep_alive_);
  message.prepare_payload();
  if (head_only_) message.body().clear();
  error_code ec;
  stream_.expires_after(shared_.options.write_timeout);
  http::serializer<false, http::string_body> serializer(message);
  if (head_only_) {
    co_await http::async_write_header(stream_, serializer, to(ec));
  } else {
    co_await http::async_write(stream_, serializer, to(ec));
  }
  if (ec) keep_alive_ = false;
}

awaitable<std::unique_ptr<ResponseStream>> ExchangeImpl::start_stream(
    Response head, std::optional<std::int64_t> length) {
  answered_ = true;
  status_ = head.status;
  length_ = length;
  head.body.clear();
  http::response<http::empty_body> message{
      to_beast(std::move(head), request_.id, keep_alive_).base()};
  if (length) {
    message.content_length(static_cast<std::uint64_t>(*length));
  } else {
    message.chunked(true);
  }
  writer_ =
      std::make_shared<StreamWriter>(stream_, shared_.options.write_timeout, !length, head_only_);
  error_code ec;
  stream_.expires_after(shared_.options.write_timeout);
  http::serializer<false, http::empty_body> serializer(message);
  co_await http::async_write_header(stream_, serializer, to(ec));
  if (ec) keep_alive_ = false;
  co_return std::make_unique<StreamHandle>(writer_);
}

awaitable<void> ExchangeImpl::wait_hangup() {
  error_code ec;
  co_await stream_.socket().async_wait(asio::socket_base::wait_read, to(ec));
  if (ec) co_return;
  char byte;
  const ssize_t n = ::recv(stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (n <= 0) co_return;
  // Further bytes: a pipelined request. Its sender is there; wait until somebody cancels us.
  asio::steady_timer never(co_await asio::this_coro::executor,
                           asio::steady_timer::time_point::max());
  co_await never.async_wait(to(ec));
}

awaitable<bool> ExchangeImpl::finish() {
  if (writer_) {
    const bool whole = co_await writer_->finish(length_);
    if (!whole) keep_alive_ = false;
  } else if (!answered_) {
    Response page =
        shared_.error_page(fail(ErrorCode::internal, "no answer was made"), request_.id);
    co_await respond(std::move(page));
  }
  co_return keep_alive_;
}

}  // namespace mecapy::net
