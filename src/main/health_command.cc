// health: what a container's health probe runs, so that an image needs no other HTTP client.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <exception>

#include "main/commands.h"
#include "net/http_client.h"

namespace mecapy::main {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kPatience{3};

Result<void> judge(const std::string& url, const net::Answered& answered) {
  if (const auto* none = std::get_if<net::NoAnswer>(&answered)) return none->error;
  const auto& response = std::get<net::Response>(answered);
  std::printf("%s\n", response.body.c_str());
  if (response.status / 100 == 2) return {};
  return fail(ErrorCode::unavailable, url + " answers " + std::to_string(response.status));
}

}  // namespace

int health(const std::string& url) {
  if (auto fine = net::check_url(url); !fine) return complain(fine.error());
  asio::io_context io{1};
  net::HttpClient client({});
  net::Outgoing request;
  request.url = url;
  Result<void> judged = fail(ErrorCode::internal, "nobody was asked");
  asio::co_spawn(io, client.send(std::move(request), base::after(kPatience)),
                 [&](const std::exception_ptr& thrown, const net::Answered& answered) {
                   if (!thrown) judged = judge(url, answered);
                 });
  io.run();
  return judged ? 0 : complain(judged.error());
}

}  // namespace mecapy::main
