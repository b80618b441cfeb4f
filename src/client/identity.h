// The identity provider as a program of a person sees it: how a server knows its callers (RFC
// 9728), the device flow (RFC 8628) with PKCE (RFC 7636), and renewal of what it gave.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "client/login_file.h"
#include "net/http_client.h"

namespace mecapy::client {

using net::awaitable;

// How a server knows its callers.
struct Callers {
  std::string issuer{};  // "": by tokens of the server's own
  std::string client_id{};
};
// Asks `server`. One that does not know the question has tokens of its own. usage when it says that
// it is another server; unavailable.
awaitable<Result<Callers>> ask_callers(net::HttpClient& http, std::string server);

// Where a login may be had.
struct Endpoints {
  std::string device;
  std::string token;
  std::string revocation{};  // "" when there is none
};
// By the issuer's discovery document. unavailable when there is none, or it has no device flow.
awaitable<Result<Endpoints>> discover(net::HttpClient& http, std::string issuer);

// What the provider gave.
struct Tokens {
  std::string access{};
  std::string refresh{};  // "" when there is none
  double expires_at = 0;  // seconds since 1970
};

// Who wants a login, and for which server (RFC 8707): a provider that heeds the second gives a
// token that no other takes.
struct LoginFor {
  std::string client_id;
  std::string server;
};

// A login that a person agrees to in a browser, anywhere.
class DeviceLogin {
 public:
  // What the person is to be shown; said by the provider, so made harmless by who shows it.
  struct Code {
    std::string address;   // where to go: https://, or http:// of this machine
    std::string complete;  // the same with the code in it; "" when there is none
    std::string code;
  };

  DeviceLogin(net::HttpClient& http, const base::Clock& clock, Endpoints endpoints, LoginFor whom);
  // unauthorized when the provider refuses, unavailable when it names no address to go to.
  awaitable<Result<Code>> begin();
  // Polls as often as the provider allows until the person has decided. unauthorized when he
  // refused, deadline_exceeded when the code is over.
  awaitable<Result<Tokens>> wait();

 private:
  net::HttpClient& http_;
  const base::Clock& clock_;
  Endpoints endpoints_;
  LoginFor whom_;
  std::string verifier_;
  std::string device_code_;
  std::chrono::seconds interval_{5};
  base::Deadline over_{};
};

// Tokens in the place of those of `login`. unauthorized when the provider gives none any more.
awaitable<Result<Tokens>> renew(net::HttpClient& http, const base::Clock& clock,
                                const Login& login);

// Has the provider take back what it gave (RFC 7009), so that nobody else can renew it. False when
// it named no place for that; unavailable when it cannot be asked or does not.
awaitable<Result<bool>> revoke(net::HttpClient& http, const Login& login);

// "name=value&..." as application/x-www-form-urlencoded.
std::string form(const std::vector<std::pair<std::string, std::string>>& fields);

// What `answer` of a token endpoint gives, received at `now` (seconds since 1970). unauthorized
// without an access token.
Result<Tokens> read_tokens(const std::string& answer, double now);

}  // namespace mecapy::client
