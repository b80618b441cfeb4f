#include "redis/client.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace mecapy::redis {
namespace {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::seconds kConnect{5};
constexpr std::size_t kMostUntaken = std::size_t{4} << 20;  // bytes of messages

auto to(error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

Error away(const std::string& why) {
  return fail(ErrorCode::unavailable, "Redis cannot be reached: " + why);
}

// Trusts the certificates of `ca` alone, be it the server's own, or the system's.
Result<ssl::context> make_context(const std::string& ca) {
  ssl::context context(ssl::context::tls_client);
  error_code ec;
  context.set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 |
                          ssl::context::no_sslv3 | ssl::context::no_tlsv1 |
                          ssl::context::no_tlsv1_1,
                      ec);
  if (!ec) context.set_verify_mode(ssl::verify_peer, ec);
  if (!ec && ca.empty()) context.set_default_verify_paths(ec);
  if (!ec && !ca.empty()) context.load_verify_file(ca, ec);
  if (ec) return away("its certificates cannot be read: " + ec.message());
  return context;
}

}  // namespace

// One connection, from its begin to its break. Kept alive by its coroutines.
class Client::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::any_io_executor executor, const Address& address)
      : executor_(std::move(executor)),
        address_(address),
        socket_(executor_),
        arrived_(executor_, asio::steady_timer::time_point::max()) {}

  void start() {
    if (!address_.password.empty()) {
      Command auth = {"AUTH"};
      if (!address_.user.empty()) auth.push_back(address_.user);
      auth.push_back(address_.password);
      greet(auth);
    }
    if (address_.database != 0) greet({"SELECT", std::to_string(address_.database)});
    asio::co_spawn(
        executor_, [self = shared_from_this()] { return self->run(); }, asio::detached);
  }

  bool broken() const { return broken_.has_value(); }

  awaitable<Result<std::vector<Reply>>> call(const std::vector<Command>& commands,
                                             base::Deadline deadline) {
    const auto self = shared_from_this();
    auto waiting = std::make_shared<Waiting>(executor_, commands.size());
    for (const Command& command : commands) {
      outbox_ += encode(command);
      expected_.push_back({waiting, false});
    }
    write_soon();
    waiting->wake.expires_at(deadline);
    error_code ec;
    if (!waiting->done() && !broken_) co_await waiting->wake.async_wait(to(ec));
    if (waiting->done()) co_return std::move(waiting->replies);
    if (broken_) co_return *broken_;
    break_off(away("it did not answer in time"));
    co_return fail(ErrorCode::deadline_exceeded, "Redis did not answer in time");
  }

  awaitable<Result<Reply>> next_message(base::Deadline deadline) {
    const auto self = shared_from_this();
    if (messages_.empty() && !broken_) {
      arrived_.expires_at(deadline);
      error_code ec;
      co_await arrived_.async_wait(to(ec));
    }
    if (!messages_.empty()) {
      Reply next = std::move(messages_.front());
      messages_.pop_front();
      co_return next;
    }
    if (broken_) co_return *broken_;
    co_return fail(ErrorCode::deadline_exceeded, "no message came");
  }

  // Everybody who waits is told why; nothing is read or written any more.
  void break_off(Error why) {
    if (broken_) return;
    broken_ = std::move(why);
    error_code ec;
    socket_.close(ec);
    for (const Expected& expected : expected_) {
      if (expected.waiting) expected.waiting->wake.cancel();
    }
    expected_.clear();
    arrived_.cancel();
  }

 private:
  struct Waiting {
    Waiting(const asio::any_io_executor& executor, std::size_t count)
        : wake(executor), wanted(count) {}
    bool done() const { return replies.size() == wanted; }
    asio::steady_timer wake;
    std::size_t wanted;
    std::vector<Reply> replies;
  };
  // A reply on its way: to a call, or of the greeting, which must succeed.
  struct Expected {
    std::shared_ptr<Waiting> waiting;
    bool greeting = false;
  };

  void greet(const Command& command) {
    outbox_ += encode(command);
    expected_.push_back({nullptr, true});
  }

  awaitable<void> run() {
    const auto self = shared_from_this();
    asio::steady_timer guard(executor_, kConnect);
    guard.async_wait([self](error_code ec) {
      if (!ec && !self->open_) self->break_off(away("no connection within 5 s"));
    });
    auto connected = co_await connect();
    if (!connected) co_return break_off(connected.error());
    if (broken_) co_return;
    open_ = true;
    guard.cancel();
    write_soon();
    co_await read();
  }

  awaitable<Result<void>> connect() {
    error_code ec;
    tcp::resolver resolver(executor_);
    const auto found =
        co_await resolver.async_resolve(address_.host, std::to_string(address_.port), to(ec));
    if (!ec) co_await asio::async_connect(socket_, found, to(ec));
    if (ec) co_return away(ec.message());
    socket_.set_option(tcp::no_delay(true), ec);
    socket_.set_option(asio::socket_base::keep_alive(true), ec);
    if (!address_.tls) co_return Result<void>{};
    auto context = make_context(address_.ca);
    if (!context) co_return context.error();
    context_.emplace(std::move(*context));
    secure_.emplace(socket_, *context_);
    secure_->set_verify_callback(ssl::host_name_verification(address_.host), ec);
    if (!ec) co_await secure_->async_handshake(ssl::stream_base::client, to(ec));
    if (ec) co_return away(ec.message());
    co_return Result<void>{};
  }

  void write_soon() {
    if (!open_ || writing_ || outbox_.empty()) return;
    writing_ = true;
    asio::co_spawn(
        executor_, [self = shared_from_this()] { return self->write(); }, asio::detached);
  }

  awaitable<void> write() {
    while (!outbox_.empty() && !broken_) {
      const std::string bytes = std::exchange(outbox_, {});
      error_code ec;
      if (secure_) {
        co_await asio::async_write(*secure_, asio::buffer(bytes), to(ec));
      } else {
        co_await asio::async_write(socket_, asio::buffer(bytes), to(ec));
      }
      if (ec) break_off(away(ec.message()));
    }
    writing_ = false;
  }

  awaitable<void> read() {
    std::string bytes(64 * 1024, '\0');
    while (!broken_) {
      error_code ec;
      const std::size_t got = secure_
                                  ? co_await secure_->async_read_some(asio::buffer(bytes), to(ec))
                                  : co_await socket_.async_read_some(asio::buffer(bytes), to(ec));
      if (ec) co_return break_off(away(ec.message()));
      reader_.feed(std::string_view(bytes).substr(0, got));
      untaken_ = messages_.empty() ? got : untaken_ + got;
      take_replies();
      if (!messages_.empty() && untaken_ > kMostUntaken)
        break_off(away("it sends what nobody asked for"));
    }
  }

  void take_replies() {
    while (!broken_) {
      auto reply = reader_.next();
      if (!reply) return break_off(reply.error());
      if (!*reply) return;
      take(std::move(**reply));
    }
  }

  void take(Reply reply) {
    if (expected_.empty()) {
      messages_.push_back(std::move(reply));
      arrived_.cancel();
      return;
    }
    const Expected expected = std::move(expected_.front());
    expected_.pop_front();
    if (expected.greeting) {
      if (reply.is_error()) break_off(away("it refused the user: " + reply.text));
      return;
    }
    expected.waiting->replies.push_back(std::move(reply));
    if (expected.waiting->done()) expected.waiting->wake.cancel();
  }

  asio::any_io_executor executor_;
  Address address_;
  tcp::socket socket_;
  std::optional<ssl::context> context_;
  std::optional<ssl::stream<tcp::socket&>> secure_;
  Reader reader_;
  std::string outbox_;
  std::deque<Expected> expected_;
  std::deque<Reply> messages_;
  std::size_t untaken_ = 0;  // bytes that came since all messages were taken
  asio::steady_timer arrived_;
  std::optional<Error> broken_;
  bool open_ = false;
  bool writing_ = false;
};

Client::Client(asio::any_io_executor executor, Address address)
    : executor_(std::move(executor)), address_(std::move(address)) {}

Client::~Client() {
  if (connection_) connection_->break_off(away("the client was closed"));
}

std::shared_ptr<Client::Connection> Client::connection() {
  if (!connection_ || connection_->broken()) {
    connection_ = std::make_shared<Connection>(executor_, address_);
    connection_->start();
  }
  return connection_;
}

awaitable<Result<Reply>> Client::call(Command command, base::Deadline deadline) {
  std::vector<Command> commands;
  commands.push_back(std::move(command));
  auto replies = co_await call_all(std::move(commands), deadline);
  if (!replies) co_return replies.error();
  co_return std::move(replies->front());
}

awaitable<Result<std::vector<Reply>>> Client::call_all(std::vector<Command> commands,
                                                       base::Deadline deadline) {
  if (commands.empty()) co_return std::vector<Reply>();
  const auto used = connection();
  co_return co_await used->call(commands, deadline);
}

awaitable<Result<Reply>> Client::next_message(base::Deadline deadline) {
  const auto used = connection();
  co_return co_await used->next_message(deadline);
}

}  // namespace mecapy::redis
