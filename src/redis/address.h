// Where a Redis server is, and how it is told who calls.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mecapy::redis {

struct Address {
  std::string host;
  std::uint16_t port = 6379;
  std::string user;      // "" is Redis's default user
  std::string password;  // "" asks for no AUTH
  int database = 0;
  bool tls = false;
  std::string ca;  // a file of certificates that alone are trusted; "": the system's
};

// "rediss://USER:PASSWORD@HOST:PORT/DATABASE?ca=FILE", or redis:// without TLS, which only a server
// on this machine may have. usage for anything else, without the password in its words.
Result<Address> parse_address(std::string_view url);

}  // namespace mecapy::redis
