// The token of each call: what was given, or the saved login, renewed when it ends and saved again.
#pragma once

#include <string>

#include "base/clock.h"
#include "client/target.h"
#include "net/http_client.h"

namespace mecapy::client {

class Credentials {
 public:
  // `login_path` is where the saved login of `target` is from.
  Credentials(Target target, std::string login_path, net::HttpClient& http,
              const base::Clock& clock);

  enum class Wish : std::uint8_t { current, another };  // another: the current one was refused
  // The token to send; renewed within half a minute of its end, or when `another` is wanted and can
  // be had. unauthorized when there is none, or the login is over; unavailable when the provider
  // cannot be asked.
  net::awaitable<Result<std::string>> token(Wish wish);
  // Whether `another` can be had without the user.
  bool renewable() const { return target_.login && target_.login->renewable(); }

 private:
  net::awaitable<Result<void>> renew_login();
  bool read_anew();
  bool is_over() const;  // or soon

  Target target_;
  std::string login_path_;
  net::HttpClient& http_;
  const base::Clock& clock_;
};

}  // namespace mecapy::client
