// The cache: bytes by key, for a while. It may forget anything at any time, and what is not there
// is found elsewhere: nothing depends on it but speed.
//
// Used on one thread, that of the io_context.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "redis/address.h"

namespace mecapy::cache {

using boost::asio::awaitable;

// What is larger is not kept, bytes.
inline constexpr std::size_t kLargest = 256 * 1024;

class Cache {
 public:
  virtual ~Cache() = default;
  // What was put last, unless it is over or forgotten. Answers at once when its server is away.
  virtual awaitable<std::optional<std::string>> get(std::string key) = 0;
  // Nobody waits for it. `life` is more than nothing.
  virtual void put(const std::string& key, std::string value, std::chrono::milliseconds life) = 0;
  // What those share who may put here, for a cache that others can write to (SealedCache).
  virtual void unlock(std::string secret) { (void)secret; }
};

// Within this process: at most `bytes` of keys and values, those used longest ago go first.
std::unique_ptr<Cache> make_memory_cache(std::size_t bytes,
                                         std::shared_ptr<const base::Clock> clock);

struct RedisCacheOptions {
  redis::Address address;
  std::string prefix = "mecapy:cache:";  // of all keys
};
// In a Redis that other processes share; with room for a seal beside what is largest. One that
// cannot be reached is asked again a second later.
std::unique_ptr<Cache> make_redis_cache(boost::asio::any_io_executor executor,
                                        RedisCacheOptions options);

// A cache whose server others may write to: what it gives back was put under the same key by
// somebody with the same secret; anything else counts as not there. Before unlock() it keeps and
// finds nothing.
class SealedCache final : public Cache {
 public:
  static constexpr std::size_t kSealBytes = 32;
  explicit SealedCache(std::unique_ptr<Cache> below) : below_(std::move(below)) {}
  void unlock(std::string secret) override { secret_ = std::move(secret); }

  awaitable<std::optional<std::string>> get(std::string key) override;
  void put(const std::string& key, std::string value, std::chrono::milliseconds life) override;

 private:
  std::unique_ptr<Cache> below_;
  std::string secret_;
};

}  // namespace mecapy::cache
