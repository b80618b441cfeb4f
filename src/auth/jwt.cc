#include "auth/jwt.h"

#include <cjose/cjose.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <utility>

namespace mecapy::auth {
namespace {

namespace json = boost::json;

constexpr std::size_t kLongestToken = 8 * 1024;
constexpr std::size_t kLongestUser = 255;

struct AlgorithmRow {
  std::string_view name;
  cjose_jwk_kty_t kty;
  std::string_view kty_name;
};
// No others: neither "none", nor those whose key is a secret that we do not have.
constexpr std::array kAlgorithms = {AlgorithmRow{"RS256", CJOSE_JWK_KTY_RSA, "RSA"},
                                    AlgorithmRow{"ES256", CJOSE_JWK_KTY_EC, "EC"}};

struct FreeJws {
  void operator()(cjose_jws_t* jws) const { cjose_jws_release(jws); }
};
using Jws = std::unique_ptr<cjose_jws_t, FreeJws>;

Error refuse(const std::string& why) {
  return fail_at("#header/Authorization", ErrorCode::unauthorized,
                 "the token is not valid: " + why);
}

std::optional<json::object> parse_object(std::string_view text) {
  json::error_code ec;
  json::parse_options options;
  options.max_depth = 8;
  json::value value = json::parse(text, ec, {}, options);
  if (ec || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : "";
}

std::optional<double> number_of(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  if (found == nullptr || !found->is_number()) return std::nullopt;
  const auto number = found->to_number<double>();
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

bool names(const json::value* value, std::string_view wanted) {
  if (value == nullptr) return false;
  if (value->is_string()) return value->get_string() == wanted;
  if (!value->is_array()) return false;
  return std::ranges::any_of(value->get_array(), [&](const json::value& one) {
    return one.is_string() && one.get_string() == wanted;
  });
}

Jws import(std::string_view token) {
  cjose_err error{};
  return Jws(cjose_jws_import(token.data(), token.size(), &error));
}

std::string header_of(const Jws& jws, const char* name) {
  cjose_err error{};
  const char* value = cjose_header_get(cjose_jws_get_protected(jws.get()), name, &error);
  return value == nullptr ? "" : value;
}

// Whether the token says what must be understood (RFC 7515, 4.1.11), of whatever type: cjose tells
// of members that are texts only.
bool has_critical(std::string_view token) {
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  cjose_err error{};
  const std::string_view header = token.substr(0, token.find('.'));
  if (!cjose_base64url_decode(header.data(), header.size(), &bytes, &size, &error)) return true;
  const auto members = parse_object({reinterpret_cast<const char*>(bytes), size});
  cjose_get_dealloc()(bytes);
  return !members || members->contains("crit");
}

bool is_user(std::string_view sub) {
  return !sub.empty() && sub.size() <= kLongestUser &&
         std::ranges::all_of(sub, [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

void KeySet::Free::operator()(_cjose_jwk_int* key) const { cjose_jwk_release(key); }

Result<KeySet> KeySet::parse(std::string_view text) {
  const auto document = parse_object(text);
  const json::value* list = document ? document->if_contains("keys") : nullptr;
  if (list == nullptr || !list->is_array()) {
    return fail(ErrorCode::unavailable, "the identity provider gave no keys");
  }
  KeySet set;
  for (const json::value& one : list->get_array()) {
    if (!one.is_object()) continue;
    const json::object& key = one.get_object();
    const std::string id = text_of(key, "kid");
    const std::string use = text_of(key, "use");
    if (id.empty() || (!use.empty() && use != "sig")) continue;
    const auto row = std::ranges::find(kAlgorithms, text_of(key, "kty"), &AlgorithmRow::kty_name);
    if (row == kAlgorithms.end()) continue;
    const std::string algorithm = text_of(key, "alg");
    if (!algorithm.empty() && algorithm != row->name) continue;
    cjose_err error{};
    const std::string serialized = json::serialize(key);
    Key made{std::string(row->name), nullptr};
    made.jwk.reset(cjose_jwk_import(serialized.data(), serialized.size(), &error));
    if (made.jwk && cjose_jwk_get_kty(made.jwk.get(), &error) == row->kty) {
      set.keys_.insert_or_assign(id, std::move(made));
    }
  }
  // One without any would make good tokens of a good provider worthless for as long as it is kept.
  if (set.keys_.empty()) return fail(ErrorCode::unavailable, "the identity provider gave no keys");
  return set;
}

// The steps of one check.
class TokenCheck {
 public:
  TokenCheck(const KeySet& keys, const Expected& expected, base::TimePoint now)
      : keys_(keys),
        expected_(expected),
        now_(std::chrono::duration<double>(now.time_since_epoch()).count()) {}

  Result<Principal> run(std::string_view token) {
    if (token.size() > kLongestToken) return refuse("it is too long");
    const Jws jws = import(token);
    if (!jws) return refuse("it is no signed JWT");
    if (has_critical(token)) return refuse("it has critical extensions");
    if (auto signed_by = check_signature(jws); !signed_by) return signed_by.error();
    std::uint8_t* bytes = nullptr;
    std::size_t size = 0;
    cjose_err error{};
    if (!cjose_jws_get_plaintext(jws.get(), &bytes, &size, &error)) return refuse("it is empty");
    const auto claims = parse_object({reinterpret_cast<const char*>(bytes), size});
    if (!claims) return refuse("its claims are no JSON object");
    if (auto fine = check_claims(*claims); !fine) return fine.error();
    return principal(*claims);
  }

 private:
  Result<void> check_signature(const Jws& jws) {
    const std::string algorithm = header_of(jws, "alg");
    if (std::ranges::find(kAlgorithms, algorithm, &AlgorithmRow::name) == kAlgorithms.end()) {
      return refuse("it is not signed by RS256 or ES256");
    }
    const auto key = keys_.keys_.find(header_of(jws, "kid"));
    if (key == keys_.keys_.end()) return refuse("nobody knows its key");
    if (key->second.algorithm != algorithm) return refuse("its key is for another algorithm");
    cjose_err error{};
    if (!cjose_jws_verify(jws.get(), key->second.jwk.get(), &error)) {
      return refuse("its signature is wrong");
    }
    return {};
  }

  Result<void> check_claims(const json::object& claims) {
    const auto skew = static_cast<double>(expected_.skew.count());
    if (text_of(claims, "iss") != expected_.issuer) return refuse("it is another issuer's");
    if (!names(claims.if_contains("aud"), expected_.audience)) {
      return refuse("it is not for " + expected_.audience);
    }
    // Keycloak's word for what a token is for; one that only tells who somebody is opens nothing.
    if (const std::string type = text_of(claims, "typ"); !type.empty() && type != "Bearer") {
      return refuse("it is no access token");
    }
    const auto expires = number_of(claims, "exp");
    if (!expires) return refuse("it never expires");
    if (now_ >= *expires + skew) return refuse("it has expired");
    for (const char* name : {"nbf", "iat"}) {
      if (claims.contains(name) && !number_of(claims, name))
        return refuse("its times are no times");
    }
    if (now_ < number_of(claims, "nbf").value_or(0) - skew) return refuse("it is not good yet");
    if (now_ < number_of(claims, "iat").value_or(0) - skew) {
      return refuse("it was issued in the future");
    }
    return {};
  }

  Result<Principal> principal(const json::object& claims) {
    Principal caller{text_of(claims, "sub")};
    if (!is_user(caller.user)) return refuse("it names no user");
    const json::value* access = claims.if_contains("realm_access");
    const json::object* realm = access == nullptr ? nullptr : access->if_object();
    caller.admin = realm != nullptr && !expected_.admin_role.empty() &&
                   names(realm->if_contains("roles"), expected_.admin_role);
    caller.proof = Proof::openid_connect;
    return caller;
  }

  const KeySet& keys_;
  const Expected& expected_;
  double now_;  // seconds since 1970
};

std::optional<std::string> key_id_of(std::string_view token) {
  if (token.size() > kLongestToken) return std::nullopt;
  const Jws jws = import(token);
  if (!jws) return std::nullopt;
  std::string id = header_of(jws, "kid");
  if (id.empty()) return std::nullopt;
  return id;
}

Result<Principal> check_token(std::string_view token, const KeySet& keys, const Expected& expected,
                              base::TimePoint now) {
  return TokenCheck(keys, expected, now).run(token);
}

}  // namespace mecapy::auth
