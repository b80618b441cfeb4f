#include "net/http_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <spdlog/spdlog.h>
#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/url.hpp>
#include <set>

#include "base/id.h"

namespace mecapy::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Stream = beast::basic_stream<asio::generic::stream_protocol>;
using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

auto to(error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

// State shared by the acceptor and the connections.
struct Shared {
  ServerOptions options;
  Handler handler;
  Admit admit;
  ErrorPage error_page;
  std::set<Stream*> idle{};  // connections that wait for a request
  std::size_t connections = 0;
  std::size_t active = 0;
  std::uint64_t body_bytes = 0;
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

bool is_request_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::ranges::all_of(id, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  });
}

// Our Request from Beast's head; an error when the target is not an origin-form path.
template <class Message>
Result<Request> to_request(const Message& message) {
  Request request;
  request.method = std::string(message.method_string());
  for (const auto& field : message.base()) {
    request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  const auto given = request.header("x-request-id");
  request.id = given && is_request_id(*given) ? std::string(*given) : base::random_hex(8);
  const auto url = boost::urls::parse_origin_form(message.target());
  if (!url) return fail(ErrorCode::invalid_request, "the request target is not a path");
  const auto decoded = url->encoded_path();
  request.path = boost::urls::pct_string_view(decoded).decode();
  if (request.path.find('\0') != std::string::npos) {
    return fail(ErrorCode::invalid_request, "the path holds a zero byte");
  }
  boost::urls::encoding_opts plus;
  plus.space_as_plus = true;
  for (const auto& param : url->encoded_params()) {
    request.query.emplace(boost::urls::pct_string_view(param.key).decode(plus),
                          boost::urls::pct_string_view(param.value).decode(plus));
  }
  return request;
}

http::response<http::string_body> to_beast(Response response, const std::string& request_id,
                                           bool keep_alive) {
  http::response<http::string_body> out{static_cast<http::status>(response.status), 11};
  if (!response.content_type.empty()) out.set(http::field::content_type, response.content_type);
  out.set("X-Request-ID", request_id);
  out.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) out.set(name, value);
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

// A ResponseStream for the handler; the connection keeps the writer itself.
class StreamHandle final : public ResponseStream {
 public:
  explicit StreamHandle(std::shared_ptr<StreamWriter> writer) : writer_(std::move(writer)) {}
  awaitable<Result<void>> write(std::string_view bytes) override { return writer_->write(bytes); }

 private:
  std::shared_ptr<StreamWriter> writer_;
};

class ExchangeImpl final : public Exchange {
 public:
  ExchangeImpl(Stream& stream, const ServerOptions& options, Request request, bool keep_alive)
      : stream_(stream),
        options_(options),
        request_(std::move(request)),
        keep_alive_(keep_alive),
        head_only_(request_.method == "HEAD") {}

  const Request& request() const override { return request_; }

  awaitable<void> respond(Response response) override {
    if (answered_) co_return;
    answered_ = true;
    auto message = to_beast(std::move(response), request_.id, keep_alive_);
    message.prepare_payload();
    if (head_only_) message.body().clear();
    error_code ec;
    stream_.expires_after(options_.write_timeout);
    http::serializer<false, http::string_body> serializer(message);
    if (head_only_) {
      co_await http::async_write_header(stream_, serializer, to(ec));
    } else {
      co_await http::async_write(stream_, serializer, to(ec));
    }
    if (ec) keep_alive_ = false;
  }

  awaitable<std::unique_ptr<ResponseStream>> start_stream(
      Response head, std::optional<std::int64_t> length) override {
    answered_ = true;
    length_ = length;
    head.body.clear();
    http::response<http::empty_body> message{
        to_beast(std::move(head), request_.id, keep_alive_).base()};
    if (length) {
      message.content_length(static_cast<std::uint64_t>(*length));
    } else {
      message.chunked(true);
    }
    writer_ = std::make_shared<StreamWriter>(stream_, options_.write_timeout, !length, head_only_);
    error_code ec;
    stream_.expires_after(options_.write_timeout);
    http::serializer<false, http::empty_body> serializer(message);
    co_await http::async_write_header(stream_, serializer, to(ec));
    if (ec) keep_alive_ = false;
    co_return std::make_unique<StreamHandle>(writer_);
  }

  awaitable<void> wait_hangup() override {
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

  // After the handler: ends a stream, answers for a handler that did not. True: keep the
  // connection.
  awaitable<bool> finish(const ErrorPage& error_page) {
    if (writer_) {
      const bool whole = co_await writer_->finish(length_);
      if (!whole) keep_alive_ = false;
    } else if (!answered_) {
      Response page = error_page(fail(ErrorCode::internal, "no answer was made"), request_.id);
      co_await respond(std::move(page));
    }
    co_return keep_alive_;
  }

  void close_after() { keep_alive_ = false; }

 private:
  Stream& stream_;
  const ServerOptions& options_;
  Request request_;
  bool keep_alive_;
  bool head_only_;
  bool answered_ = false;
  std::optional<std::int64_t> length_;
  std::shared_ptr<StreamWriter> writer_;
};

// One connection, from accept to close.
class Connection {
 public:
  Connection(Stream stream, std::shared_ptr<Shared> shared)
      : stream_(std::move(stream)), shared_(std::move(shared)) {}

  awaitable<void> run() {
    bool keep = true;
    while (keep && !shared_->stopping) {
      keep = co_await wait_for_request();
      if (keep) keep = co_await serve_one();
    }
    co_await linger();
  }

 private:
  // False when the peer closed or stayed silent for too long.
  awaitable<bool> wait_for_request() {
    if (buffer_.size() > 0) co_return true;
    error_code ec;
    shared_->idle.insert(&stream_);
    stream_.expires_after(shared_->options.idle_timeout);
    const std::size_t n = co_await stream_.async_read_some(buffer_.prepare(4096), to(ec));
    shared_->idle.erase(&stream_);
    buffer_.commit(n);
    co_return !ec;
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
    if (ec) {
      co_await refuse(read_error(ec), "");
      co_return false;
    }
    // A coding we do not know leaves the end of the body to guesswork (RFC 9112 section 6.1).
    if (head.get().count(http::field::transfer_encoding) > 0 && !head.chunked()) {
      Error unknown = fail(ErrorCode::invalid_request, "the only transfer coding here is chunked");
      co_await refuse(std::move(unknown), "");
      co_return false;
    }
    // RFC 9112 section 3.2.
    if (head.get().version() == 11 && head.get().count(http::field::host) != 1) {
      Error hosts = fail(ErrorCode::invalid_request, "a request has exactly one Host");
      co_await refuse(std::move(hosts), "");
      co_return false;
    }
    auto request = to_request(head.get());
    if (!request) {
      co_await refuse(request.error(), "");
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
      co_await refuse(too_large(), request.id);
      co_return false;
    }
    if (auto refused = shared_->admit(request, length)) {
      co_return co_await answer_unread(std::move(*refused), request, head, length);
    }
    if (shared_->body_bytes + expected > shared_->options.bodies_limit) {
      co_await refuse(fail(ErrorCode::busy, "too many large requests at once"), request.id);
      co_return false;
    }
    const Counted bytes(shared_->body_bytes, expected);
    const bool whole = co_await read_body(head, request);
    if (!whole) co_return false;
    co_return co_await handle(std::move(request));
  }

  awaitable<bool> read_body(http::request_parser<http::empty_body>& head, Request& request) {
    error_code ec;
    if (beast::iequals(head.get()[http::field::expect], "100-continue")) {
      stream_.expires_after(shared_->options.write_timeout);
      static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      co_await asio::async_write(stream_, asio::buffer(kContinue), to(ec));
      if (ec) co_return false;
    }
    keep_alive_ = head.get().keep_alive();
    http::request_parser<http::string_body> body(std::move(head));
    body.body_limit(shared_->options.body_limit);
    {
      const Alarm alarm(stream_, shared_->options.body_timeout);
      co_await http::async_read(stream_, buffer_, body, to(ec));
      if (alarm.rang()) ec = beast::error::timeout;
    }
    if (ec) {
      co_await refuse(read_error(ec), request.id);
      co_return false;
    }
    request.body = std::move(body.get().body());
    co_return true;
  }

  awaitable<bool> handle(Request request) {
    stream_.expires_never();
    ++shared_->active;
    ExchangeImpl exchange(stream_, shared_->options, std::move(request),
                          keep_alive_ && !shared_->stopping);
    try {
      co_await shared_->handler(exchange);
    } catch (const std::exception& e) {
      spdlog::error("request {}: unexpected exception: {}", exchange.request().id, e.what());
      exchange.close_after();
    }
    const bool keep = co_await exchange.finish(shared_->error_page);
    --shared_->active;
    co_return keep;
  }

  // Answers a request whose body was not read. A small declared body is skipped, so that the
  // connection lives on; otherwise it closes.
  awaitable<bool> answer_unread(Response response, const Request& request,
                                http::request_parser<http::empty_body>& head,
                                std::optional<std::int64_t> length) {
    const bool nothing = length == 0;
    const bool keep = nothing && head.get().keep_alive();
    co_await send(std::move(response), request.id, keep);
    co_return keep;
  }

  Error too_large() const {
    return fail(ErrorCode::too_large, "the body is over the limit of " +
                                          std::to_string(shared_->options.body_limit) + " bytes");
  }

  Error read_error(const error_code& ec) const {
    if (ec == http::error::body_limit) return too_large();
    if (ec == http::error::header_limit) {
      return fail(ErrorCode::too_large, "the header is over the limit of " +
                                            std::to_string(shared_->options.header_limit) +
                                            " bytes");
    }
    if (ec == beast::error::timeout) {
      return fail(ErrorCode::deadline_exceeded, "the request did not arrive in time");
    }
    return fail(ErrorCode::invalid_request, "malformed HTTP: " + ec.message());
  }

  awaitable<void> refuse(Error error, const std::string& request_id) {
    const std::string id = request_id.empty() ? base::random_hex(8) : request_id;
    Response page = shared_->error_page(error, id);
    if (error.code == ErrorCode::deadline_exceeded) page.status = 408;
    if (error.message.find("header is over") != std::string::npos) page.status = 431;
    co_await send(std::move(page), id, false);
  }

  awaitable<void> send(Response response, const std::string& id, bool keep_alive) {
    auto message = to_beast(std::move(response), id, keep_alive);
    message.prepare_payload();
    error_code ec;
    stream_.expires_after(shared_->options.write_timeout);
    co_await http::async_write(stream_, message, to(ec));
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
  beast::flat_buffer buffer_;
  bool keep_alive_ = true;
};

class ServerImpl final : public HttpServer {
 public:
  ServerImpl(asio::io_context& io, Acceptor acceptor, std::uint16_t port,
             std::shared_ptr<Shared> shared)
      : io_(io),
        acceptor_(std::make_shared<Acceptor>(std::move(acceptor))),
        port_(port),
        shared_(std::move(shared)) {
    asio::co_spawn(io_, accept_loop(acceptor_, shared_), asio::detached);
  }
  ~ServerImpl() override { stop(); }

  std::uint16_t port() const override { return port_; }
  std::size_t active() const override { return shared_->active; }
  std::size_t connections() const override { return shared_->connections; }

  void stop() override {
    if (shared_->stopping) return;
    shared_->stopping = true;
    error_code ec;
    acceptor_->close(ec);
    for (Stream* stream : std::set<Stream*>(shared_->idle)) stream->cancel();
  }

 private:
  static awaitable<void> accept_loop(std::shared_ptr<Acceptor> acceptor,
                                     std::shared_ptr<Shared> shared) {
    const auto executor = co_await asio::this_coro::executor;
    while (!shared->stopping) {
      error_code ec;
      auto socket = co_await acceptor->async_accept(to(ec));
      if (shared->stopping) co_return;
      if (ec) {  // out of descriptors, most likely: let some connections end
        asio::steady_timer pause(executor, std::chrono::milliseconds(50));
        co_await pause.async_wait(to(ec));
        continue;
      }
      int one = 1;
      ::setsockopt(socket.native_handle(), IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof one);
      asio::co_spawn(executor, serve(Stream(std::move(socket)), shared), asio::detached);
    }
  }

  static awaitable<void> serve(Stream stream, std::shared_ptr<Shared> shared) {
    if (shared->connections >= shared->options.max_connections) {
      auto page = shared->error_page(fail(ErrorCode::busy, "too many connections"), "-");
      page.status = 503;
      auto message = to_beast(std::move(page), "-", false);
      message.prepare_payload();
      error_code ec;
      stream.expires_after(std::chrono::seconds(1));
      co_await http::async_write(stream, message, to(ec));
      co_return;
    }
    ++shared->connections;
    try {
      Connection connection(std::move(stream), shared);
      co_await connection.run();
    } catch (const std::exception& e) {
      spdlog::error("connection: unexpected exception: {}", e.what());
    }
    --shared->connections;
  }

  asio::io_context& io_;
  std::shared_ptr<Acceptor> acceptor_;
  std::uint16_t port_;
  std::shared_ptr<Shared> shared_;
};

// Opens, binds and listens; the acceptor, or what failed.
Result<Acceptor> open_acceptor(asio::io_context& io, const asio::generic::stream_protocol& protocol,
                               const asio::generic::stream_protocol::endpoint& endpoint,
                               const std::string& name) {
  Acceptor acceptor(io);
  error_code ec;
  acceptor.open(protocol, ec);
  if (!ec && protocol.family() != AF_UNIX) {
    acceptor.set_option(asio::socket_base::reuse_address(true), ec);
  }
  if (!ec) acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(1024, ec);
  if (ec) return fail(ErrorCode::unavailable, "cannot listen on " + name + ": " + ec.message());
  return acceptor;
}

std::shared_ptr<Shared> make_shared_state(ServerOptions options, Handler handler, Admit admit,
                                          ErrorPage error_page) {
  auto shared = std::make_shared<Shared>();
  shared->options = options;
  shared->handler = std::move(handler);
  shared->admit = std::move(admit);
  shared->error_page = std::move(error_page);
  return shared;
}

}  // namespace

Result<std::unique_ptr<HttpServer>> listen_tcp(asio::io_context& io, const std::string& host,
                                               std::uint16_t port, ServerOptions options,
                                               Handler handler, Admit admit, ErrorPage error_page) {
  error_code ec;
  const auto address = asio::ip::make_address(host, ec);
  if (ec) return fail(ErrorCode::usage, "not an IP address to listen on: " + host);
  const asio::ip::tcp::endpoint endpoint(address, port);
  auto acceptor =
      open_acceptor(io, endpoint.protocol(), endpoint, host + ":" + std::to_string(port));
  if (!acceptor) return acceptor.error();
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(acceptor->native_handle(), reinterpret_cast<sockaddr*>(&bound), &size);
  const std::uint16_t bound_port =
      ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                        : reinterpret_cast<sockaddr_in&>(bound).sin_port);
  return std::unique_ptr<HttpServer>(std::make_unique<ServerImpl>(
      io, std::move(*acceptor), bound_port,
      make_shared_state(options, std::move(handler), std::move(admit), std::move(error_page))));
}

Result<std::unique_ptr<HttpServer>> listen_unix(asio::io_context& io, const std::string& path,
                                                ServerOptions options, Handler handler, Admit admit,
                                                ErrorPage error_page) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(ErrorCode::usage, "the socket path is longer than the system allows: " + path);
  }
  ::unlink(path.c_str());
  const asio::local::stream_protocol::endpoint endpoint(path);
  const mode_t old_mask = ::umask(0177);
  auto acceptor = open_acceptor(io, endpoint.protocol(), endpoint, path);
  ::umask(old_mask);
  if (!acceptor) return acceptor.error();
  return std::unique_ptr<HttpServer>(std::make_unique<ServerImpl>(
      io, std::move(*acceptor), std::uint16_t{0},
      make_shared_state(options, std::move(handler), std::move(admit), std::move(error_page))));
}

}  // namespace mecapy::net
