#include "client/credentials.h"

#include "client/identity.h"

namespace mecapy::client {
namespace {

constexpr double kSoon = 30;  // seconds

}  // namespace

Credentials::Credentials(Target target, std::string login_path, net::HttpClient& http,
                         const base::Clock& clock)
    : target_(std::move(target)), login_path_(std::move(login_path)), http_(http), clock_(clock) {}

net::awaitable<Result<std::string>> Credentials::token(Wish wish) {
  if (target_.token.empty()) {
    co_return fail(ErrorCode::unauthorized, "nobody is logged in to " + target_.url);
  }
  if (renewable() && (is_over() || wish == Wish::another)) {
    if (auto renewed = co_await renew_login(); !renewed) co_return renewed.error();
  }
  co_return target_.token;
}

bool Credentials::is_over() const {
  return target_.login->expires_at &&
         base::seconds(clock_.now()) > *target_.login->expires_at - kSoon;
}

// Takes what is saved now, when it is another token for the same server.
bool Credentials::read_anew() {
  auto saved = read_login(login_path_);
  if (!saved || !*saved || (*saved)->token == target_.token) return false;
  const auto url = server_address((*saved)->url);
  if (!url || *url != target_.url) return false;
  target_.token = (*saved)->token;
  target_.login = std::move(**saved);
  return true;
}

net::awaitable<Result<void>> Credentials::renew_login() {
  if (read_anew() && !is_over()) co_return Result<void>{};  // another program has renewed it
  auto tokens = co_await renew(http_, clock_, *target_.login);
  if (!tokens) {
    // A refresh token may be good once only, and another program was quicker.
    if (read_anew()) co_return Result<void>{};
    co_return tokens.error();
  }
  const Login before = *target_.login;
  target_.token = target_.login->token = tokens->access;
  target_.login->refresh_token = tokens->refresh;
  target_.login->expires_at = tokens->expires_at;
  // Not over what somebody did meanwhile: another login, or a logout.
  const auto saved = read_login(login_path_);
  if (saved && *saved && (*saved)->url == before.url && (*saved)->token == before.token) {
    // A home that cannot be written to: it is renewed again next time.
    (void)save_login(login_path_, *target_.login);
  }
  co_return Result<void>{};
}

}  // namespace mecapy::client
