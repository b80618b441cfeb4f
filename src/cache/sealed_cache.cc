#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <new>
#include <string_view>
#include <utility>

#include "cache/cache.h"

namespace mecapy::cache {
namespace {

using Seal = std::array<char, SealedCache::kSealBytes>;

// HMAC-SHA256 (RFC 2104) of key and value; the key's length tells where it ends.
Seal seal_of(std::string_view secret, std::string_view key, std::string_view value) {
  const std::string text = std::to_string(key.size()) + ":" + std::string(key) + std::string(value);
  Seal seal{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(),
           reinterpret_cast<unsigned char*>(seal.data()), &size) == nullptr ||
      size != seal.size()) {
    throw std::bad_alloc();
  }
  return seal;
}

}  // namespace

awaitable<std::optional<std::string>> SealedCache::get(std::string key) {
  if (secret_.empty()) co_return std::nullopt;
  auto sealed = co_await below_->get(key);
  if (!sealed || sealed->size() < sizeof(Seal)) co_return std::nullopt;
  std::string value = sealed->substr(sizeof(Seal));
  const Seal seal = seal_of(secret_, key, value);
  if (CRYPTO_memcmp(seal.data(), sealed->data(), seal.size()) != 0) co_return std::nullopt;
  co_return value;
}

void SealedCache::put(const std::string& key, std::string value, std::chrono::milliseconds life) {
  if (secret_.empty() || value.size() > kLargest) return;
  const Seal seal = seal_of(secret_, key, value);
  below_->put(key, std::string(seal.data(), seal.size()) + value, life);
}

}  // namespace mecapy::cache
