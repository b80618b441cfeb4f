#include "client/identity.h"

#include <openssl/evp.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/url.hpp>

#include "base/id.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "client/expected.h"
#include "client/target.h"
#include "client/view.h"
#include "wire/base64.h"

namespace mecapy::client {
namespace {

namespace asio = boost::asio;
using std::chrono::seconds;

constexpr seconds kAnswers{20};
constexpr seconds kSlower{5};                         // RFC 8628 section 3.5
constexpr seconds kLongest{1800};                     // of a code
constexpr double kLongestToken = 10 * 366 * 86'400.;  // seconds
constexpr std::size_t kShown = 300;

awaitable<Result<net::Response>> ask(net::HttpClient& http, net::Outgoing request) {
  if (auto fine = net::check_url(request.url); !fine) co_return fine.error();
  request.headers.emplace_back("Accept", "application/json");
  const std::string url = request.url;
  auto answered = co_await http.send(std::move(request), base::after(kAnswers));
  if (auto* none = std::get_if<net::NoAnswer>(&answered)) co_return none->error;
  auto& answer = std::get<net::Response>(answered);
  if (auto fine = refuse_redirect(url, answer); !fine) co_return fine.error();
  co_return std::move(answer);
}

awaitable<Result<net::Response>> post(net::HttpClient& http, std::string url, std::string fields) {
  net::Outgoing request;
  request.method = "POST";
  request.url = std::move(url);
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = std::move(fields);
  request.repeatable = false;
  return ask(http, std::move(request));
}

// What a provider says of a refusal (RFC 6749 section 5.2).
std::string refusal(const net::Response& answer) {
  const json::value whole = parsed(answer.body);
  const View said(whole);
  std::string why = said.text("error_description");
  if (why.empty()) why = said.text("error");
  if (why.empty()) why = "it answers " + std::to_string(answer.status);
  return base::one_line(why, kShown);
}

// base64url without padding.
std::string url_safe(std::string text) {
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::string challenge_of(std::string_view verifier) {
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(verifier.data(), verifier.size(), sum, &size, EVP_sha256(), nullptr) != 1) {
    throw std::bad_alloc();
  }
  return url_safe(wire::encode_base64({reinterpret_cast<const char*>(sum), size}));
}

// "https://host:port" of an address.
std::string origin_of(const std::string& address) {
  const auto url = boost::urls::parse_uri(address);
  return url ? std::string(url->encoded_origin()) : "";
}

awaitable<void> pause(base::Deadline until) {
  asio::steady_timer timer(co_await asio::this_coro::executor, until);
  boost::system::error_code ec;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
}

}  // namespace

std::string form(const std::vector<std::pair<std::string, std::string>>& fields) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  const auto add = [&out](const std::string& text) {
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
        out += c;
      } else {
        out += {'%', kHex[byte >> 4], kHex[byte & 15]};
      }
    }
  };
  for (const auto& [name, value] : fields) {
    if (!out.empty()) out += '&';
    add(name);
    out += '=';
    add(value);
  }
  return out;
}

Result<Tokens> read_tokens(const std::string& answer, double received) {
  const json::value whole = parsed(answer);
  const View given(whole);
  Tokens tokens{given.text("access_token"), given.text("refresh_token")};
  if (!is_token(tokens.access)) {
    return fail(ErrorCode::unauthorized, "the identity provider gave no token");
  }
  tokens.expires_at =
      received + std::clamp(given.number("expires_in").value_or(60), 0., kLongestToken);
  return tokens;
}

awaitable<Result<Callers>> ask_callers(net::HttpClient& http, std::string server) {
  net::Outgoing request;
  request.url = server + "/.well-known/oauth-protected-resource";
  auto answer = co_await ask(http, std::move(request));
  if (!answer) co_return answer.error();
  if (answer->status == 404) co_return Callers{};
  if (answer->status != 200) {
    co_return fail(ErrorCode::unavailable, server + " answers " + std::to_string(answer->status) +
                                               " to the question how it knows its callers");
  }
  const json::value whole = parsed(answer->body);
  const View told(whole);
  const std::string resource = told.text("resource");
  if (origin_of(resource) != origin_of(server)) {  // RFC 9728 section 3.3
    co_return fail(ErrorCode::usage,
                   server + " calls itself \"" + base::one_line(resource, kShown) +
                       "\": log in there, or have the proxy before it pass on the Host it was "
                       "asked for");
  }
  const json::array& issuers = told.list("authorization_servers");
  if (issuers.empty()) co_return Callers{};
  const json::value& issuer = issuers.front();
  co_return Callers{issuer.is_string() ? std::string(issuer.get_string()) : "",
                    told.text("mecapy_client_id")};
}

awaitable<Result<Endpoints>> discover(net::HttpClient& http, std::string issuer) {
  net::Outgoing request;
  request.url = issuer + (issuer.ends_with('/') ? "" : "/") + ".well-known/openid-configuration";
  auto answer = co_await ask(http, std::move(request));
  if (!answer) co_return answer.error();
  const json::value whole = parsed(answer->body);
  const View told(whole);
  Endpoints found{told.text("device_authorization_endpoint"), told.text("token_endpoint"),
                  told.text("revocation_endpoint")};
  if (answer->status != 200 || told.text("issuer") != issuer) {
    co_return fail(ErrorCode::unavailable,
                   "the identity provider " + issuer + " does not tell how to log in");
  }
  if (!net::check_url(found.device) || !net::check_url(found.token)) {
    co_return fail(ErrorCode::unavailable,
                   "the identity provider " + issuer + " has no login for programs (RFC 8628)");
  }
  co_return found;
}

DeviceLogin::DeviceLogin(net::HttpClient& http, const base::Clock& clock, Endpoints endpoints,
                         LoginFor whom)
    : http_(http), clock_(clock), endpoints_(std::move(endpoints)), whom_(std::move(whom)) {}

awaitable<Result<DeviceLogin::Code>> DeviceLogin::begin() {
  verifier_ = base::random_hex(32);
  auto answer = co_await post(http_, endpoints_.device,
                              form({{"client_id", whom_.client_id},
                                    {"scope", "openid"},
                                    {"resource", whom_.server},
                                    {"code_challenge", challenge_of(verifier_)},
                                    {"code_challenge_method", "S256"}}));
  if (!answer) co_return answer.error();
  const json::value whole = parsed(answer->body);
  const View given(whole);
  device_code_ = given.text("device_code");
  Code code{given.text("verification_uri"), given.text("verification_uri_complete"),
            given.text("user_code")};
  if (answer->status != 200 || device_code_.empty() || code.address.empty()) {
    co_return fail(ErrorCode::unauthorized,
                   "the identity provider begins no login: " + refusal(*answer));
  }
  if (!net::check_url(code.address) || (!code.complete.empty() && !net::check_url(code.complete))) {
    co_return fail(ErrorCode::unavailable,
                   "the identity provider names no address of a web page to log in at");
  }
  interval_ = seconds(static_cast<int>(std::clamp(given.number("interval").value_or(5), 1., 60.)));
  const double life = given.number("expires_in").value_or(600);
  over_ = base::after(std::min(kLongest, seconds(static_cast<int>(std::clamp(life, 0., 1e6)))));
  co_return code;
}

awaitable<Result<Tokens>> DeviceLogin::wait() {
  const std::string asked = form({{"grant_type", "urn:ietf:params:oauth:grant-type:device_code"},
                                  {"client_id", whom_.client_id},
                                  {"resource", whom_.server},
                                  {"device_code", device_code_},
                                  {"code_verifier", verifier_}});
  while (std::chrono::steady_clock::now() < over_) {
    co_await pause(std::min(over_, base::after(interval_)));
    const double sent = base::seconds(clock_.now());
    auto answer = co_await post(http_, endpoints_.token, asked);
    if (!answer && answer.error().code == ErrorCode::usage) co_return answer.error();  // redirect
    if (!answer || answer->status >= 500) {  // RFC 8628 section 3.5: less often then
      interval_ = std::min(2 * interval_, seconds(60));
      continue;
    }
    if (answer->status == 200) co_return read_tokens(answer->body, sent);
    const json::value whole = parsed(answer->body);
    const std::string error = View(whole).text("error");
    if (error == "slow_down") interval_ += kSlower;
    if (error == "authorization_pending" || error == "slow_down") continue;
    if (error == "expired_token") break;
    co_return fail(ErrorCode::unauthorized, error == "access_denied"
                                                ? "the login was refused in the browser"
                                                : "the login failed: " + refusal(*answer));
  }
  co_return fail(ErrorCode::deadline_exceeded, "nobody agreed while the code was good");
}

awaitable<Result<Tokens>> renew(net::HttpClient& http, const base::Clock& clock,
                                const Login& login) {
  const double sent = base::seconds(clock.now());
  auto answer = co_await post(http, login.token_endpoint,
                              form({{"grant_type", "refresh_token"},
                                    {"client_id", login.client_id},
                                    {"refresh_token", login.refresh_token}}));
  if (!answer) co_return answer.error();
  if (answer->status >= 500) {
    co_return fail(ErrorCode::unavailable,
                   "the identity provider cannot renew the login: " + refusal(*answer));
  }
  if (answer->status != 200) {
    co_return fail(ErrorCode::unauthorized, "the saved login is over: " + refusal(*answer));
  }
  auto tokens = read_tokens(answer->body, sent);
  if (tokens && tokens->refresh.empty()) tokens->refresh = login.refresh_token;
  co_return tokens;
}

awaitable<Result<bool>> revoke(net::HttpClient& http, const Login& login) {
  if (login.refresh_token.empty() || login.revocation_endpoint.empty()) co_return false;
  auto answer = co_await post(http, login.revocation_endpoint,
                              form({{"token", login.refresh_token},
                                    {"token_type_hint", "refresh_token"},
                                    {"client_id", login.client_id}}));
  if (!answer) co_return answer.error();
  if (answer->status / 100 == 2) co_return true;
  co_return fail(ErrorCode::unavailable, refusal(*answer));
}

}  // namespace mecapy::client
