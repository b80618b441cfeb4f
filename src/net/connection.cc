#include "net/connection.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <limits>

#include "base/id.h"
#include "base/log.h"
#include "net/exchange.h"
#include "net/request_body.h"
#include "net/request_head.h"

namespace mecapy::net {
namespace {

// Cancels what `stream` waits for at the end of `limit`, without closing it as Beast's own timeout
// does: so there can be an answer.
class Alarm {
 public:
  Alarm(Stream& stream, std::chrono::milliseconds limit)
      : timer_(stream.get_executor(), limit), state_(std::make_shared<State>(State{&stream})) {
    stream.expires_never();
    timer_.async_wait([state = state_](const error_code& ec) {
      if (ec || state->stream == nullptr) return;
      state->rang = true;
      state->stream->cancel();
    });
  }
  ~Alarm() { state_->stream = nullptr; }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  bool rang() const { return state_->rang; }

 private:
  struct State {
    Stream* stream;
    bool rang = false;
  };
  asio::steady_timer timer_;
  std::shared_ptr<State> state_;
};

// One connection, from accept to close.
class Connection {
 public:
  Connection(Stream stream, std::shared_ptr<Shared> shared)
      : stream_(std::move(stream)), shared_(std::move(shared)), place_(*shared_, stream_) {}

  awaitable<void> run() {
    bool keep = true;
    while (keep && !shared_->stopping) {
      keep = co_await wait_for_request();
      if (keep) keep = co_await serve_one();
    }
    if (place_.taken_away()) co_return;
    place_.wait(Place::Heard::nothing);  // others may have its place
    co_await linger();
  }

 private:
  // Where in a request a fault is: pointers of FieldProblem.
  static constexpr const char* kHeader = "#header";
  static constexpr const char* kBody = "";

  // False when the peer closed or stayed silent for too long.
  awaitable<bool> wait_for_request() {
    place_.wait(buffer_.size() > 0 ? Place::Heard::something : Place::Heard::nothing);
    if (buffer_.size() > 0) co_return true;
    error_code ec;
    stream_.expires_after(shared_->options.idle_timeout);
    const std::size_t n = co_await stream_.async_read_some(buffer_.prepare(4096), to(ec));
    place_.hear();
    buffer_.commit(n);
    co_return !ec && !place_.taken_away();
  }

  // True when the connection may carry another request.
  awaitable<bool> serve_one() {
    http::request_parser<http::empty_body> head;
    head.header_limit(static_cast<std::uint32_t>(shared_->options.header_limit));
    head.body_limit(std::numeric_limits<std::uint64_t>::max());
    error_code ec;
    {
      const Alarm alarm(stream_, shared_->options.header_timeout);
      co_await http::async_read_header(stream_, buffer_, head, to(ec));
      if (alarm.rang()) ec = beast::error::timeout;
    }
    if (place_.taken_away()) co_return false;
    place_.begin();
    begun_ = std::chrono::steady_clock::now();
    if (ec) {
      co_await refuse(read_error(kHeader, ec), unread());
      co_return false;
    }
    auto request = read_head(head);
    if (!request) {
      co_await refuse(request.error(), unread());
      co_return false;
    }
    co_return co_await serve_body(head, std::move(*request));
  }

  awaitable<bool> serve_body(http::request_parser<http::empty_body>& head, Request request) {
    std::optional<std::int64_t> length = 0;
    if (head.chunked()) length.reset();
    if (head.content_length()) length = static_cast<std::int64_t>(*head.content_length());
    const std::uint64_t expected =
        length ? static_cast<std::uint64_t>(*length) : shared_->options.body_limit;
    if (expected > shared_->options.body_limit) {
      co_await refuse(too_large(), request);
      co_return false;
    }
    if (auto refused = shared_->admit(request, length)) {
      co_return co_await answer_unread(std::move(*refused), request, head, length);
    }
    Reserved room(shared_->body_bytes, shared_->options.bodies_limit);
    const bool whole = co_await read_body(head, request, {{}, &room, expected});
    if (!whole) co_return false;
    co_return co_await handle(std::move(request));
  }

  awaitable<bool> read_body(http::request_parser<http::empty_body>& head, Request& request,
                            BudgetedBody::value_type into) {
    error_code ec;
    if (beast::iequals(head.get()[http::field::expect], "100-continue")) {
      stream_.expires_after(shared_->options.write_timeout);
      static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      co_await asio::async_write(stream_, asio::buffer(kContinue), to(ec));
      if (ec) co_return false;
    }
    keep_alive_ = head.get().keep_alive();
    http::request_parser<BudgetedBody> body(std::move(head));
    body.get().body() = std::move(into);
    body.body_limit(shared_->options.body_limit);
    {
      const Alarm alarm(stream_, shared_->options.body_timeout);
      co_await http::async_read(stream_, buffer_, body, to(ec));
      if (alarm.rang()) ec = beast::error::timeout;
    }
    if (ec) {
      co_await refuse(read_error(kBody, ec), request);
      co_return false;
    }
    request.body = std::move(body.get().body().bytes);
    co_return true;
  }

  awaitable<bool> handle(Request request) {
    stream_.expires_never();
    ++shared_->active;
    ExchangeImpl exchange(stream_, *shared_, std::move(request), keep_alive_ && !shared_->stopping);
    try {
      co_await shared_->handler(exchange);
    } catch (const std::exception& e) {
      base::log_error("an unexpected exception in a request",
                      {{"request", exchange.request().id}, {"error", e.what()}});
      exchange.close_after();
    }
    const bool keep = co_await exchange.finish();
    --shared_->active;
    tell(exchange.request(), exchange.about(), exchange.status());
    co_return keep;
  }

  // Answers a request whose body was not read. The connection lives on when there was no body.
  awaitable<bool> answer_unread(Response response, const Request& request,
                                http::request_parser<http::empty_body>& head,
                                std::optional<std::int64_t> length) {
    const bool nothing = length == 0;
    const bool keep = nothing && head.get().keep_alive();
    co_await send(std::move(response), request, keep);
    co_return keep;
  }

  // Stands for a request whose head could not be read.
  static Request unread() {
    Request request;
    request.id = base::random_hex(8);
    return request;
  }

  void tell(const Request& request, const About& about, int status) const {
    if (!shared_->options.on_served) return;
    const auto took = std::chrono::steady_clock::now() - begun_;
    shared_->options.on_served(
        {request, about, status, std::chrono::duration_cast<std::chrono::microseconds>(took)});
  }

  Error too_large() const {
    return fail_at(
        "", ErrorCode::too_large,
        "the body is over the limit of " + std::to_string(shared_->options.body_limit) + " bytes");
  }

  // `part` is what was being read: kHeader or kBody.
  Error read_error(const char* part, const error_code& ec) const {
    if (ec == http::error::body_limit) return too_large();
    if (ec == http::error::header_limit) {
      return fail_at(kHeader, ErrorCode::header_too_large,
                     "the header is over the limit of " +
                         std::to_string(shared_->options.header_limit) + " bytes");
    }
    if (ec == boost::system::errc::no_buffer_space) {
      return fail(ErrorCode::busy, "too many large requests at once");
    }
    if (ec == beast::error::timeout) {
      return fail_at(part, ErrorCode::request_timeout, "the request did not arrive in time");
    }
    return fail_at(part, ErrorCode::invalid_request, "malformed HTTP: " + ec.message());
  }

  awaitable<void> refuse(Error error, const Request& request) {
    Response page = shared_->error_page(error, request.id);
    co_await send(std::move(page), request, false);
  }

  awaitable<void> send(Response response, const Request& request, bool keep_alive) {
    const int status = response.status;
    auto message = to_beast(std::move(response), request.id, keep_alive);
    message.prepare_payload();
    error_code ec;
    stream_.expires_after(shared_->options.write_timeout);
    co_await http::async_write(stream_, message, to(ec));
    tell(request, {}, status);
  }

  // Half-closes and reads what is still coming (bounded), so that the answer is not lost to a
  // reset.
  awaitable<void> linger() {
    error_code ec;
    stream_.socket().shutdown(asio::socket_base::shutdown_send, ec);
    stream_.expires_after(std::chrono::seconds(2));
    char sink[4096];
    for (int i = 0; i < 256 && !ec; ++i) {
      co_await stream_.async_read_some(asio::buffer(sink), to(ec));
    }
  }

  Stream stream_;
  std::shared_ptr<Shared> shared_;
  Place place_;
  beast::flat_buffer buffer_;
  std::chrono::steady_clock::time_point begun_{};  // of the request at hand, with its head
  bool keep_alive_ = true;
};

}  // namespace

void Place::wait(Heard heard) {
  silent_ = heard == Heard::nothing;
  if (!waiting_ && !left_) waiting_ = shared_.waiting.insert(shared_.waiting.end(), this);
}

void Place::begin() {
  if (waiting_) shared_.waiting.erase(*waiting_);
  waiting_.reset();
}

void Place::stop_waiting() {
  if (silent_) stream_.cancel();
}

void Place::take_away() {
  leave();
  stream_.close();
}

void Place::leave() {
  if (left_) return;
  left_ = true;
  begin();
  --shared_.connections;
}

awaitable<void> serve_connection(Stream stream, std::shared_ptr<Shared> shared) {
  if (shared->connections >= shared->options.max_connections) {
    if (!shared->waiting.empty()) shared->waiting.front()->take_away();
  }
  if (shared->connections >= shared->options.max_connections) {
    auto page = shared->error_page(fail(ErrorCode::unavailable, "too many connections"), "-");
    auto message = to_beast(std::move(page), "-", false);
    message.prepare_payload();
    error_code ec;
    stream.expires_after(std::chrono::seconds(1));
    co_await http::async_write(stream, message, to(ec));
    const int status = static_cast<int>(message.result_int());
    if (shared->options.on_served) shared->options.on_served({{}, {}, status});
    co_return;
  }
  try {
    Connection connection(std::move(stream), shared);
    co_await connection.run();
  } catch (const std::exception& e) {
    base::log_error("an unexpected exception on a connection", {{"error", e.what()}});
  }
}

}  // namespace mecapy::net
