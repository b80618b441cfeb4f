// The login that `mecapy login` saved: one file, which the Python SDK reads and writes, too, by the
// same rules (sdk/python/src/mecapy/_login.py; one table of cases, sdk/python/tests/test_login.py).
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace mecapy::client {

struct Login {
  std::string url;    // the server that the token is for, and no other
  std::string token;  // access token
  // Of a login by device flow:
  std::optional<double> expires_at{};  // seconds since 1970
  std::string refresh_token{};
  std::string token_endpoint{};
  std::string client_id{};
  std::string revocation_endpoint{};  // "" when the provider names none

  bool renewable() const { return !refresh_token.empty() && !token_endpoint.empty(); }
};

// $XDG_CONFIG_HOME/mecapy/login.json when that is an absolute path (the XDG specification has
// others ignored), else that in ~/.config. "" without a home.
std::string login_path();

// Nothing when there is no file; links are followed. usage when it cannot be read, holds no login,
// is somebody else's than the caller's, or leaves others any right; the message says what to do.
Result<std::optional<Login>> read_login(const std::string& path);

// Replaces the file that `path` leads to as a whole (0600, its folder made 0700).
Result<void> save_login(const std::string& path, const Login& login);

// Removes the file that `path` leads to. False when there was none.
Result<bool> remove_login(const std::string& path);

}  // namespace mecapy::client
