#include "net/unix_client.h"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace mecapy::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Stream = beast::basic_stream<asio::local::stream_protocol>;

auto to(error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

Error broken(const error_code& ec) {
  if (ec == beast::error::timeout) {
    return fail(ErrorCode::deadline_exceeded, "the worker did not answer in time");
  }
  return fail(ErrorCode::unavailable, "the worker's connection broke: " + ec.message());
}

class LineStreamImpl final : public LineStream {
 public:
  LineStreamImpl(Stream stream, std::size_t max_line)
      : stream_(std::move(stream)), cutter_(max_line) {
    parser_.body_limit(boost::none);
  }

  awaitable<Result<void>> send(UnixPost request, base::Deadline deadline) {
    http::request<http::string_body> message{http::verb::post, request.target, 11};
    message.set(http::field::host, "worker");
    message.set(http::field::content_type, "application/json");
    message.set(http::field::accept, "application/x-ndjson");
    message.keep_alive(false);
    message.body() = std::move(request.body);
    message.prepare_payload();
    error_code ec;
    stream_.expires_at(deadline);
    co_await http::async_write(stream_, message, to(ec));
    if (!ec) co_await http::async_read_header(stream_, buffer_, parser_, to(ec));
    if (ec) co_return broken(ec);
    co_return Result<void>{};
  }

  int status() const override { return parser_.get().result_int(); }

  awaitable<Result<std::optional<std::string>>> next(base::Deadline deadline) override {
    while (true) {
      auto line = cutter_.line();
      if (!line || *line) co_return line;
      if (parser_.is_done()) co_return cutter_.rest();
      error_code ec = co_await read_some(deadline);
      if (ec) co_return broken(ec);
    }
  }

  void close() override {
    error_code ec;
    stream_.socket().close(ec);
  }

 private:
  awaitable<error_code> read_some(base::Deadline deadline) {
    char chunk[64 * 1024];
    parser_.get().body().data = chunk;
    parser_.get().body().size = sizeof chunk;
    parser_.get().body().more = true;
    error_code ec;
    stream_.expires_at(deadline);
    co_await http::async_read_some(stream_, buffer_, parser_, to(ec));
    if (ec == http::error::need_buffer) ec = {};
    cutter_.add({chunk, sizeof chunk - parser_.get().body().size});
    co_return ec;
  }

  Stream stream_;
  LineCutter cutter_;
  beast::flat_buffer buffer_;
  http::response_parser<http::buffer_body> parser_;
};

}  // namespace

awaitable<Result<std::unique_ptr<LineStream>>> post_lines(UnixPost request,
                                                          base::Deadline deadline) {
  Stream stream(co_await asio::this_coro::executor);
  const asio::local::stream_protocol::endpoint endpoint(request.socket_path);
  error_code ec;
  stream.expires_at(deadline);
  co_await stream.async_connect(endpoint, to(ec));
  if (ec) co_return fail(ErrorCode::unavailable, "the worker does not answer: " + ec.message());
  auto lines = std::make_unique<LineStreamImpl>(std::move(stream), request.max_line);
  auto sent = co_await lines->send(std::move(request), deadline);
  if (!sent) co_return sent.error();
  co_return std::unique_ptr<LineStream>(std::move(lines));
}

}  // namespace mecapy::net
