#include "worker/home_calls.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/jitter.h"
#include "base/log.h"
#include "base/utf8.h"

namespace mecapy::worker {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t kShown = 300;  // bytes of an answer

bool passes(int status) { return status == 429 || status >= 500; }

std::string why(const net::Answered& answered) {
  if (const auto* none = std::get_if<net::NoAnswer>(&answered)) return none->error.message;
  const auto& response = std::get<net::Response>(answered);
  return "it answered " + std::to_string(response.status);
}

}  // namespace

HomeCalls::HomeCalls(HomeOptions options)
    : options_(std::move(options)), http_({options_.ca, 4, milliseconds(10'000)}) {
  while (options_.url.ends_with('/')) options_.url.pop_back();
}

awaitable<Result<net::Response>> HomeCalls::call(std::string method, std::string path,
                                                 std::variant<std::string, net::FilePart> body,
                                                 std::int64_t max_response) {
  net::Outgoing request;
  request.method = std::move(method);
  request.url = options_.url + path;
  request.headers = {{"Authorization", "Bearer " + options_.token},
                     {"Content-Type", "application/octet-stream"}};
  request.body = std::move(body);
  request.max_response = max_response;
  const base::Deadline give_up = base::after(options_.patience);
  milliseconds pause = options_.backoff;
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (bool told = false;; told = true) {
    auto answered = co_await http_.send(request, base::after(options_.call));
    auto* response = std::get_if<net::Response>(&answered);
    if (response != nullptr && !passes(response->status)) co_return std::move(*response);
    const std::string error = base::one_line(why(answered), kShown);
    if (steady_clock::now() + pause > give_up) {
      co_return fail(ErrorCode::unavailable, "home cannot be reached: " + error);
    }
    if (!told) base::log_warn("home is away; it is called again", {{"error", error}});
    timer.expires_after(base::jittered(pause));
    co_await timer.async_wait(asio::use_awaitable);
    pause = std::min(pause * 2, options_.backoff_max);
  }
}

awaitable<Result<net::Response>> HomeCalls::follow(std::string method, std::string url,
                                                   net::Headers headers,
                                                   std::variant<std::string, net::FilePart> body,
                                                   std::int64_t max_response) {
  if (!net::check_url(url)) co_return fail(ErrorCode::unavailable, "the link leads nowhere safe");
  net::Outgoing request;
  request.method = std::move(method);
  request.url = std::move(url);
  request.headers = std::move(headers);
  request.body = std::move(body);
  request.max_response = max_response;
  const auto* file = std::get_if<net::FilePart>(&request.body);
  const std::int64_t bytes = file != nullptr ? file->size : max_response;
  const base::Deadline deadline =
      base::after(options_.call + std::chrono::seconds(bytes / options_.slowest));
  auto answered = co_await http_.send(std::move(request), deadline);
  if (auto* response = std::get_if<net::Response>(&answered)) co_return std::move(*response);
  co_return fail(
      ErrorCode::unavailable,
      "no answer: " + std::string(base::row(std::get<net::NoAnswer>(answered).error.code).name));
}

std::string told_by(const net::Response& response) {
  return std::to_string(response.status) +
         (response.body.empty() ? "" : " " + base::one_line(response.body, kShown));
}

}  // namespace mecapy::worker
