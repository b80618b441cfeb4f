// For tests: keys of a provider, and tokens signed with them.
#pragma once

#include <cjose/cjose.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace mecapy::auth {

inline std::string base64url(std::string_view bytes) {
  char* text = nullptr;
  std::size_t size = 0;
  cjose_err error{};
  EXPECT_TRUE(cjose_base64url_encode(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                     bytes.size(), &text, &size, &error));
  std::string encoded(text, size);
  cjose_get_dealloc()(text);
  return encoded;
}

// A key pair, and its public half as a JWKS has it.
class Pair {
 public:
  static Pair rsa(const std::string& id) {
    static cjose_err error;
    return {cjose_jwk_create_RSA_random(2048, nullptr, 0, &error), id, "RS256"};
  }
  static Pair ec(const std::string& id) {
    static cjose_err error;
    return {cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error), id, "ES256"};
  }

  boost::json::object public_jwk() const {
    cjose_err error{};
    char* text = cjose_jwk_to_json(key_.get(), false, &error);
    boost::json::object jwk = boost::json::parse(text).as_object();
    cjose_get_dealloc()(text);
    jwk["kid"] = id_;
    jwk["alg"] = algorithm_;
    jwk["use"] = "sig";
    return jwk;
  }

  std::string sign(const boost::json::object& claims, boost::json::object header = {}) const {
    cjose_err error{};
    cjose_header_t* made = cjose_header_new(&error);
    if (!header.contains("alg")) header["alg"] = algorithm_;
    if (!header.contains("kid")) header["kid"] = id_;
    for (const auto& [name, value] : header) {
      const std::string key = name;
      if (value.is_string()) {
        cjose_header_set(made, key.c_str(), value.as_string().c_str(), &error);
      } else {  // an array or an object
        cjose_header_set_raw(made, key.c_str(), boost::json::serialize(value).c_str(), &error);
      }
    }
    const std::string text = boost::json::serialize(claims);
    cjose_jws_t* jws = cjose_jws_sign(
        key_.get(), made, reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), &error);
    EXPECT_NE(jws, nullptr) << error.message;
    const char* serialized = nullptr;
    cjose_jws_export(jws, &serialized, &error);
    std::string token = serialized;
    cjose_jws_release(jws);
    cjose_header_release(made);
    return token;
  }

 private:
  Pair(cjose_jwk_t* key, std::string id, std::string algorithm)
      : key_(key, cjose_jwk_release), id_(std::move(id)), algorithm_(std::move(algorithm)) {}
  std::shared_ptr<cjose_jwk_t> key_;
  std::string id_;
  std::string algorithm_;
};

}  // namespace mecapy::auth
