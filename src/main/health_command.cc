// health: what a container's health probe runs, so that an image needs no other HTTP client.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <exception>

#include "base/utf8.h"
#include "main/commands.h"
#include "main/complain.h"
#include "main/remote.h"
#include "net/http_client.h"

namespace mecapy::main {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kPatience{3};
constexpr std::size_t kShown = 2000;  // bytes of what is down

// What `serve` is asked when only its address is given.
std::string with_path(const std::string& url) {
  const std::size_t host = url.find("://");
  const std::size_t slash = host == std::string::npos ? host : url.find_first_of("/?", host + 3);
  if (host == std::string::npos || (slash != std::string::npos && slash + 1 < url.size()))
    return url;
  return url.substr(0, slash) + "/health/ready";
}

// ": PART: WHY; ..." of the parts that an answer of readiness calls away; "" of any other answer.
std::string parts_down(const std::string& body) {
  boost::json::error_code ec;
  const boost::json::value answer = boost::json::parse(body, ec);
  const boost::json::object* whole = ec ? nullptr : answer.if_object();
  const boost::json::value* parts = whole == nullptr ? nullptr : whole->if_contains("parts");
  std::string down;
  if (parts == nullptr || !parts->is_object()) return down;
  for (const auto& [name, part] : parts->get_object()) {
    const boost::json::object* finding = part.if_object();
    const boost::json::value* why = finding == nullptr ? nullptr : finding->if_contains("why");
    const boost::json::value* status =
        finding == nullptr ? nullptr : finding->if_contains("status");
    if (why == nullptr || !why->is_string() || (status != nullptr && *status == "unknown"))
      continue;
    down +=
        (down.empty() ? ": " : "; ") + std::string(name) + ": " + std::string(why->get_string());
  }
  return base::one_line(down, kShown);
}

// Whether it is of a server of ours: they all tell their status. Whatever stands before one may
// answer in its place.
bool tells_status(const std::string& body) {
  boost::json::error_code ec;
  const boost::json::value answer = boost::json::parse(body, ec);
  return !ec && answer.is_object() && answer.get_object().contains("status");
}

Result<void> judge(const std::string& url, const net::Answered& answered) {
  if (const auto* none = std::get_if<net::NoAnswer>(&answered)) return none->error;
  const auto& response = std::get<net::Response>(answered);
  const bool fine = response.status / 100 == 2;
  if (fine && !tells_status(response.body)) {
    return fail(ErrorCode::unavailable, "no answer of MecaPy came from " + url);
  }
  std::printf("%s\n", response.body.c_str());
  if (fine) return {};
  return fail(ErrorCode::unavailable,
              url + " answers " + std::to_string(response.status) + parts_down(response.body));
}

}  // namespace

int health(const std::string& address) {
  const std::string url = with_path(address);
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
  if (judged) return 0;
  const int status = complain(judged.error());
  if (is_not_there(judged.error(), url))
    std::fputs("  -> is it running? mecapy serve starts it\n", stderr);
  return status;
}

}  // namespace mecapy::main
