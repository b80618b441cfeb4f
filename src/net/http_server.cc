#include "net/http_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "net/connection.h"

namespace mecapy::net {
namespace {

using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

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
    for (Place* place : shared_->waiting) place->stop_waiting();
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
      ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      asio::co_spawn(executor, serve_connection(Stream(std::move(socket)), shared), asio::detached);
    }
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
  shared->options = std::move(options);
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
  return std::unique_ptr<HttpServer>(
      std::make_unique<ServerImpl>(io, std::move(*acceptor), bound_port,
                                   make_shared_state(std::move(options), std::move(handler),
                                                     std::move(admit), std::move(error_page))));
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
  return std::unique_ptr<HttpServer>(
      std::make_unique<ServerImpl>(io, std::move(*acceptor), std::uint16_t{0},
                                   make_shared_state(std::move(options), std::move(handler),
                                                     std::move(admit), std::move(error_page))));
}

}  // namespace mecapy::net
