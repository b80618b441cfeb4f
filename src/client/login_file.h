// The login that `mecapy login` saved: one file, which the Python SDK reads and writes, too.
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

  bool renewable() const { return !refresh_token.empty() && !token_endpoint.empty(); }
};

// $XDG_CONFIG_HOME/mecapy/login.json, else that in ~/.config. "" without a home.
std::string login_path();

// Nothing when there is no file. usage when it cannot be read, holds no login, or is readable by
// others than its owner; the message says what to do.
Result<std::optional<Login>> read_login(const std::string& path);

// Replaces the file as a whole (0600, its folder made 0700).
Result<void> save_login(const std::string& path, const Login& login);

// False when there was none.
Result<bool> remove_login(const std::string& path);

}  // namespace mecapy::client
