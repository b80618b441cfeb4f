#include "client/api.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/id.h"
#include "base/jitter.h"
#include "client/identity.h"
#include "client/problem.h"

namespace mecapy::client {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{200};
constexpr milliseconds kLongestPause{5'000};
constexpr std::int64_t kLargestProblem = 256 * 1024;

bool passes(int status) { return status == 429 || status == 502 || status == 503 || status == 504; }

awaitable<void> pause(milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  boost::system::error_code ec;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
}

// The whole body of an answer that tells of an error.
awaitable<net::Response> with_body(net::Incoming& answer, base::Deadline deadline) {
  net::Response whole = answer.head();
  while (static_cast<std::int64_t>(whole.body.size()) < kLargestProblem) {
    auto bytes = co_await answer.next(deadline);
    if (!bytes || bytes->empty()) break;
    whole.body += *bytes;
  }
  co_return whole;
}

}  // namespace

// How a call is tried again.
class Api::Attempts {
 public:
  Attempts(Api& api, const Call& call)
      : api_(api),
        give_up_(base::after(api.options_.patience)),
        repeatable_(call.method != "PATCH") {}

  Credentials::Wish wish() const { return wish_; }

  // Whether to send again, after the pause that is due.
  awaitable<bool> after(const net::NoAnswer& none) {
    // A server that was never there is told at once.
    const bool nobody = none.reached == net::Reached::nobody;
    if (none.error.code == ErrorCode::too_large || (nobody && !api_.reached_)) co_return false;
    if (!nobody && !repeatable_) co_return false;
    co_return co_await pause_unless_late(next_pause());
  }
  awaitable<bool> after(const net::Response& answer) {
    api_.reached_ = true;
    if (answer.status == 401 && api_.credentials_.renewable() &&
        wish_ == Credentials::Wish::current) {
      wish_ = Credentials::Wish::another;
      co_return true;
    }
    if (!passes(answer.status) || (!repeatable_ && answer.status != 429)) co_return false;
    const milliseconds pause = next_pause();
    co_return co_await pause_unless_late(
        std::max<milliseconds>(pause, retry_after(answer).value_or(std::chrono::seconds(0))));
  }

 private:
  milliseconds next_pause() {
    const milliseconds pause = base::jittered(pause_);
    pause_ = std::min(2 * pause_, kLongestPause);
    return pause;
  }
  awaitable<bool> pause_unless_late(milliseconds time) {
    if (base::after(time) >= give_up_) co_return false;
    co_await pause(time);
    co_return true;
  }

  Api& api_;
  base::Deadline give_up_;
  bool repeatable_;
  Credentials::Wish wish_ = Credentials::Wish::current;
  milliseconds pause_ = kFirstPause;
};

Api::Api(Target target, Options options, const base::Clock& clock)
    : clock_(clock),
      options_(std::move(options)),
      url_(target.url),
      http_({.ca = options_.ca}),
      credentials_(std::move(target), options_.login_path, http_, clock) {}

awaitable<Result<net::Outgoing>> Api::request(const Call& call, Credentials::Wish wish) {
  auto token = co_await credentials_.token(wish);
  if (!token) co_return token.error();
  net::Outgoing out;
  out.method = call.method;
  out.url = url_ + call.path;
  if (!call.query.empty()) out.url += "?" + form(call.query);
  out.headers = call.headers;
  out.headers.emplace_back("Authorization", "Bearer " + *token);
  out.headers.emplace_back("User-Agent", "mecapy/" MECAPY_VERSION);
  if (!call.body.empty()) out.headers.emplace_back("Content-Type", "application/json");
  out.body = call.body;
  out.max_response = call.max_response;
  out.repeatable = call.method != "PATCH";
  co_return out;
}

awaitable<Result<net::Response>> Api::call(Call call) {
  if (call.method == "POST") call.headers.emplace_back("Idempotency-Key", base::make_uuid7());
  Attempts attempts(*this, call);
  while (true) {
    auto request = co_await this->request(call, attempts.wish());
    if (!request) co_return request.error();
    auto answered =
        co_await http_.send(std::move(*request), base::after(options_.answers + call.waits));
    if (auto* none = std::get_if<net::NoAnswer>(&answered)) {
      if (co_await attempts.after(*none)) continue;
      co_return fail(none->error.code, url_ + ": " + none->error.message);
    }
    auto& answer = std::get<net::Response>(answered);
    if (answer.status < 400) {
      if (auto fine = check_answer(url_, call.expects, answer); !fine) co_return fine.error();
      reached_ = true;
      co_return std::move(answer);
    }
    if (!co_await attempts.after(answer)) co_return problem_of(answer);
  }
}

awaitable<Result<std::string>> Api::text(Call call) {
  auto answer = co_await this->call(std::move(call));
  if (!answer) co_return answer.error();
  co_return std::move(answer->body);
}

awaitable<Result<std::unique_ptr<net::Incoming>>> Api::open(Call call) {
  Attempts attempts(*this, call);
  while (true) {
    auto request = co_await this->request(call, attempts.wish());
    if (!request) co_return request.error();
    const base::Deadline deadline = base::after(options_.answers);
    auto opened = co_await http_.open(std::move(*request), deadline);
    if (auto* none = std::get_if<net::NoAnswer>(&opened)) {
      if (co_await attempts.after(*none)) continue;
      co_return fail(none->error.code, url_ + ": " + none->error.message);
    }
    auto& answer = std::get<std::unique_ptr<net::Incoming>>(opened);
    if (answer->head().status < 400) {
      auto fine = check_answer(url_, call.expects, answer->head());
      if (!fine) co_return fine.error();
      reached_ = true;
      co_return std::move(answer);
    }
    const net::Response whole = co_await with_body(*answer, deadline);
    if (!co_await attempts.after(whole)) co_return problem_of(whole);
  }
}

std::string run_path(std::string_view id, std::string_view rest) {
  return "/api/runs/" + std::string(id) + std::string(rest);
}

std::string task_path(std::string_view id, std::string_view rest) {
  return "/api/tasks/" + std::string(id) + std::string(rest);
}

std::string workflow_path(std::string_view id, std::string_view rest) {
  return "/api/workflows/" + std::string(id) + std::string(rest);
}

std::string workflow_run_path(std::string_view id, std::string_view rest) {
  return "/api/workflow-runs/" + std::string(id) + std::string(rest);
}

}  // namespace mecapy::client
