#include "metrics/server.h"

#include <utility>

namespace mecapy::metrics {
namespace {

// As the exposition format asks for.
constexpr const char* kExposition = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::size_t kScrapers = 32;  // connections

net::Response error_page(const Error& error, const std::string&) {
  net::Response response;
  response.status = base::row(error.code).http_status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = error.message + "\n";
  return response;
}

std::optional<net::Response> admit(const net::Request& head, std::optional<std::int64_t> length) {
  if (head.path != "/metrics") {
    return error_page(fail(ErrorCode::not_found, "there is only /metrics here"), head.id);
  }
  if (head.method != "GET") {
    auto response = error_page(fail(ErrorCode::method_not_allowed, "GET only"), head.id);
    response.headers.emplace_back("Allow", "GET");
    return response;
  }
  if (length != 0) {
    return error_page(fail(ErrorCode::invalid_request, "this request takes no body"), head.id);
  }
  return std::nullopt;
}

net::awaitable<void> answer(net::Exchange& exchange, const Metrics& metrics) {
  net::Response response;
  response.content_type = kExposition;
  response.body = metrics.exposition();
  co_await exchange.respond(std::move(response));
}

}  // namespace

Result<std::unique_ptr<net::HttpServer>> serve(boost::asio::io_context& io, const std::string& host,
                                               std::uint16_t port, const Metrics& metrics) {
  net::ServerOptions options;
  options.max_connections = kScrapers;
  options.body_limit = 0;
  return net::listen_tcp(
      io, host, port, options, [&metrics](net::Exchange& e) { return answer(e, metrics); }, admit,
      error_page);
}

}  // namespace mecapy::metrics
