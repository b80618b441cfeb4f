// Tokens, those of a provider and those of forgers.
#include "auth/jwt.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <boost/json.hpp>

#include "auth/test_keys.h"

namespace mecapy::auth {
namespace {

namespace json = boost::json;

constexpr std::int64_t kNow = 1'800'000'000;  // seconds
const base::TimePoint now{std::chrono::seconds(kNow)};
const Expected expected{"https://id.example/realms/mecapy", "mecapy-api", "mecapy-admin"};

struct Provider {
  Pair rsa = Pair::rsa("rsa-1");
  Pair ec = Pair::ec("ec-1");
  KeySet keys() const {
    const json::object set{{"keys", json::array{rsa.public_jwk(), ec.public_jwk()}}};
    return KeySet::parse(json::serialize(set)).value();
  }
};
const Provider& provider() {
  static const Provider one;
  return one;
}

json::object good() {
  return {{"iss", expected.issuer}, {"aud", "mecapy-api"}, {"sub", "0b1d"},
          {"exp", kNow + 60},       {"iat", kNow - 60},    {"typ", "Bearer"}};
}
json::object with(std::string_view name, json::value value) {
  json::object claims = good();
  claims[name] = std::move(value);
  return claims;
}
json::object without(std::string_view name) {
  json::object claims = good();
  claims.erase(name);
  return claims;
}

Result<Principal> check(const std::string& token) {
  const KeySet keys = provider().keys();
  return check_token(token, keys, expected, now);
}
void expect_refused(const std::string& token, const std::string& why) {
  const auto caller = check(token);
  ASSERT_FALSE(caller) << why;
  EXPECT_EQ(caller.error().code, ErrorCode::unauthorized);
  EXPECT_NE(caller.error().message.find(why), std::string::npos) << caller.error().message;
}

TEST(Jwt, TokenOfTheProvider_NamesItsUser) {
  for (const Pair* pair : {&provider().rsa, &provider().ec}) {
    const auto caller = check(pair->sign(good()));
    ASSERT_TRUE(caller) << caller.error().message;
    EXPECT_EQ(caller->user, "0b1d");
    EXPECT_FALSE(caller->admin);
    EXPECT_EQ(caller->proof, Proof::openid_connect);
  }
  EXPECT_TRUE(check(provider().rsa.sign(with("aud", json::array{"account", "mecapy-api"}))));
  const json::object roles{{"roles", json::array{"offline_access", "mecapy-admin"}}};
  EXPECT_TRUE(check(provider().rsa.sign(with("realm_access", roles)))->admin);
  Expected no_role = expected;
  no_role.admin_role = "";
  const json::object nameless{{"roles", json::array{""}}};
  const std::string token = provider().rsa.sign(with("realm_access", nameless));
  EXPECT_FALSE(check_token(token, provider().keys(), no_role, now)->admin);
}

TEST(Jwt, ClocksMayDifferByTheSkew) {
  const auto token = [](std::int64_t exp, std::int64_t nbf) {
    json::object claims = with("exp", exp);
    claims["nbf"] = nbf;
    return provider().ec.sign(claims);
  };
  EXPECT_TRUE(check(token(kNow - 29, kNow)));
  expect_refused(token(kNow - 30, kNow), "expired");
  EXPECT_TRUE(check(token(kNow + 60, kNow + 30)));
  expect_refused(token(kNow + 60, kNow + 31), "not good yet");
}

TEST(Jwt, ClaimsThatDoNotFit_AreRefusedByName) {
  const auto refused = [](const json::object& claims, const std::string& why) {
    expect_refused(provider().rsa.sign(claims), why);
  };
  refused(with("iss", "https://id.example/realms/other"), "another issuer");
  refused(without("iss"), "another issuer");
  refused(with("iss", json::array{expected.issuer}), "another issuer");
  refused(with("aud", "account"), "not for mecapy-api");
  refused(without("aud"), "not for mecapy-api");
  refused(with("aud", json::array{1, "mecapy-apis"}), "not for mecapy-api");
  refused(without("exp"), "never expires");
  refused(with("exp", "2100-01-01"), "never expires");
  refused(with("iat", kNow + 3600), "in the future");
  refused(with("iat", nullptr), "no times");
  refused(with("nbf", "9999999999"), "no times");
  refused(with("typ", "ID"), "no access token");
  refused(with("typ", "Refresh"), "no access token");
  for (const json::value& sub : {json::value(""), json::value(7), json::value("a b"),
                                 json::value("line\nbreak"), json::value(std::string(256, 'x'))}) {
    refused(with("sub", sub), "names no user");
  }
}

TEST(Jwt, CriticalExtension_IsRefusedWhateverItSays) {
  for (const json::value& crit :
       {json::value(json::array{"b64"}), json::value(json::array{}), json::value("exp"),
        json::value(""), json::value(json::object{})}) {
    expect_refused(provider().rsa.sign(good(), {{"crit", crit}, {"b64", "x"}}),
                   "critical extensions");
  }
}

TEST(Jwt, NoSignature_IsNone) {
  const std::string claims = base64url(json::serialize(good()));
  for (const char* algorithm : {"none", "None", "NONE", "nOnE"}) {
    const std::string header =
        base64url(json::serialize(json::object{{"alg", algorithm}, {"kid", "rsa-1"}}));
    EXPECT_FALSE(check(header + "." + claims + ".")) << algorithm;
    EXPECT_FALSE(check(header + "." + claims)) << algorithm;
  }
}

// The public key, which everybody has, used as the secret of an HMAC.
TEST(Jwt, PublicKeyAsASecret_IsRefused) {
  const json::object jwk = provider().rsa.public_jwk();
  for (const std::string& secret : {json::serialize(jwk), std::string(jwk.at("n").as_string())}) {
    const std::string text =
        base64url(json::serialize(json::object{{"alg", "HS256"}, {"kid", "rsa-1"}})) + "." +
        base64url(json::serialize(good()));
    unsigned char digest[32];
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, nullptr);
    expect_refused(text + "." + base64url({reinterpret_cast<const char*>(digest), 32}),
                   "not signed by RS256 or ES256");
  }
}

TEST(Jwt, ForgedOrSwappedKeys_AreRefused) {
  const Pair forger = Pair::rsa("rsa-1");
  expect_refused(forger.sign(good()), "signature is wrong");
  expect_refused(Pair::rsa("unknown").sign(good()), "nobody knows its key");
  expect_refused(provider().rsa.sign(good(), {{"kid", "ec-1"}}), "another algorithm");
  expect_refused(provider().ec.sign(good(), {{"kid", "rsa-1"}}), "another algorithm");
  // A key that the token brings itself is not looked at.
  expect_refused(forger.sign(good(), {{"kid", "x"}, {"jku", "https://evil.example/jwks"}}),
                 "nobody knows its key");
}

TEST(Jwt, ChangedByOneByte_IsRefused) {
  const std::string token = provider().ec.sign(good());
  for (std::size_t at = 0; at < token.size(); ++at) {
    // The last character of a part has bits that mean nothing.
    if (at + 1 == token.size() || token[at + 1] == '.' || token[at] == '.') continue;
    std::string changed = token;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(check(changed)) << at;
  }
}

// The longest that is taken, and the same with some bytes more, are both what the provider signed.
TEST(Jwt, TokenThatIsTooLong_IsRefusedForItsLengthAlone) {
  const auto padded = [](std::size_t bytes) {
    return provider().ec.sign(with("padding", json::value(std::string(bytes, 'x'))));
  };
  std::size_t bytes = 5'700;
  while (padded(bytes + 1).size() <= 8192) ++bytes;
  EXPECT_TRUE(check(padded(bytes)));
  EXPECT_TRUE(key_id_of(padded(bytes)));
  for (const std::size_t more : {1, 100, 100'000}) {
    const std::string token = padded(bytes + more);
    ASSERT_GT(token.size(), 8192U);
    expect_refused(token, "it is too long");
    EXPECT_FALSE(key_id_of(token));
  }
}

TEST(Jwt, WhatIsNoToken_IsRefused) {
  const std::string whole = provider().rsa.sign(good());
  for (const std::string& token :
       {std::string(), std::string("."), std::string(".."), std::string("a.b.c"),
        std::string("e30.e30.e30"), std::string(7000, 'a'), std::string(1 << 20, 'a'),
        whole.substr(0, whole.rfind('.')), whole + ".x", whole + std::string(8192, 'A'),
        std::string("\0\0\0", 3), std::string(300, '.')}) {
    EXPECT_FALSE(check(token)) << token.substr(0, 40);
  }
  const std::string deep(5000, '[');
  EXPECT_FALSE(check(base64url(deep) + "." + base64url(deep) + "." + base64url("x")));
}

TEST(KeySetTest, KeysThatAreNotForSigning_ArePassedOver) {
  json::object encryption = provider().rsa.public_jwk();
  encryption["use"] = "enc";
  json::object other = provider().rsa.public_jwk();
  other["alg"] = "RS512";
  json::object nameless = provider().ec.public_jwk();
  nameless.erase("kid");
  const json::object secret{{"kty", "oct"}, {"k", "AAAA"}, {"kid", "s"}};
  json::object set{{"keys", json::array{encryption, other, nameless, secret, 7, json::object{}}}};
  EXPECT_EQ(KeySet::parse(json::serialize(set)).error().code, ErrorCode::unavailable);
  set["keys"].as_array().push_back(provider().ec.public_jwk());
  EXPECT_EQ(KeySet::parse(json::serialize(set))->size(), 1U);
  for (const char* text : {"", "[]", "{}", "{\"keys\":{}}", "<html>"}) {
    EXPECT_EQ(KeySet::parse(text).error().code, ErrorCode::unavailable) << text;
  }
}

}  // namespace
}  // namespace mecapy::auth
