// Tokens of an OpenID Connect provider: what is signed, by whom, and for whom (RFC 7519, RFC 7515).
// Signatures are verified by cjose; what a token may say is decided here.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "auth/auth.h"
#include "base/clock.h"
#include "base/result.h"

struct _cjose_jwk_int;

namespace mecapy::auth {

// The keys a provider signs with, by their id. Only those for RS256 and ES256 are kept.
class KeySet {
 public:
  // A JWKS document (RFC 7517); unavailable when it is none. Keys it cannot use are passed over.
  static Result<KeySet> parse(std::string_view json);
  bool has(const std::string& key_id) const { return keys_.contains(key_id); }
  std::size_t size() const { return keys_.size(); }

 private:
  struct Free {
    void operator()(_cjose_jwk_int* key) const;
  };
  struct Key {
    std::string algorithm;  // the one it is for
    std::unique_ptr<_cjose_jwk_int, Free> jwk;
  };
  friend class TokenCheck;
  std::map<std::string, Key> keys_;
};

// What a token must say to be accepted.
struct Expected {
  std::string issuer;
  std::string audience;
  std::string admin_role;         // of the realm; "" tells nobody as admin
  std::chrono::seconds skew{30};  // by which clocks may differ
};

// The id of the key that `token` says it is signed with; nothing when it is no token we could take.
std::optional<std::string> key_id_of(std::string_view token);
// Who `token` proves to be; unauthorized with the reason otherwise.
Result<Principal> check_token(std::string_view token, const KeySet& keys, const Expected& expected,
                              base::TimePoint now);

}  // namespace mecapy::auth
