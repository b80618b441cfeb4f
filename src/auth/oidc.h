// Callers that an OpenID Connect provider (Keycloak) vouches for.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "auth/auth.h"
#include "auth/jwt.h"

namespace mecapy::auth {

struct OidcOptions {
  Expected expected{};
  std::string ca;  // a file of certificates that alone are trusted; "": the system's
  // By which keys age and fetches are counted: it never goes back. Called on any thread.
  std::function<std::chrono::steady_clock::time_point()> steady_now =
      std::chrono::steady_clock::now;
};

// The provider's keys are found by its discovery document, at the first call and when they are an
// hour old; an unknown key id has them fetched again: three times at once, then every ten seconds.
// usage for an issuer that is no URL, or without TLS on another machine.
Result<std::unique_ptr<Authenticator>> make_oidc_authenticator(
    OidcOptions options, std::shared_ptr<const base::Clock> clock);

}  // namespace mecapy::auth
