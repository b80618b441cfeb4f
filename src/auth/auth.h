// Who calls. The embedded way: a token of the user "local", and further users in a file.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace mecapy::auth {

using boost::asio::awaitable;

// What proved who calls.
enum class Proof : std::uint8_t { token, openid_connect };
std::string_view name(Proof proof);

inline constexpr std::string_view kLocalUser = "local";

struct Principal {
  std::string user;
  bool admin = false;  // by a role of the provider's
  Proof proof = Proof::token;
  // Whether it is who keeps the server: an admin, or, where callers have tokens of our own, the
  // user "local". Such a caller is told everybody's costs and machines, and nothing else of others.
  bool sees_all() const { return admin || (proof == Proof::token && user == kLocalUser); }
};

// The token of an Authorization header's value (untrusted), or unauthorized.
Result<std::string_view> bearer_token(std::optional<std::string_view> authorization);

// Thread-safe.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // The caller that `authorization` (the header's value; untrusted) proves, or unauthorized.
  // unavailable when that cannot be told without asking somebody: authenticate() does.
  virtual Result<Principal> check(std::optional<std::string_view> authorization) const = 0;
  // The same, asking where it must: unavailable when nobody answers.
  virtual awaitable<Result<Principal>> authenticate(std::optional<std::string_view> authorization,
                                                    base::Deadline deadline) {
    (void)deadline;
    co_return check(authorization);
  }
  // Whether callers can be told apart now: for readiness.
  virtual awaitable<Result<void>> ready(base::Deadline deadline) {
    (void)deadline;
    co_return Result<void>{};
  }
};

struct TokenOptions {
  std::string local_token;  // of the user "local"
  // Lines "SHA-256 hex of the token, space, user"; may be missing. One that is a link, or that
  // others may write to, counts as missing.
  std::string users_file;
};

// Compares hashes in constant time. The file is read again when it has changed.
std::unique_ptr<Authenticator> make_token_authenticator(TokenOptions options);

// The token in `path`, or a new one written there with mode 0600. usage when the file is a link or
// somebody else's.
Result<std::string> load_or_make_token(const std::string& path);

// Adds `user` (letters, digits, '.', '_', '-', '@') to `users_file` and returns the new token,
// which is kept nowhere.
Result<std::string> add_user(const std::string& users_file, const std::string& user);

}  // namespace mecapy::auth
