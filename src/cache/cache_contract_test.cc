// What every cache promises: in memory, and in the Redis of tools/services.sh.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <ostream>

#include "base/id.h"
#include "base/test_await.h"
#include "base/test_services.h"
#include "cache/cache.h"
#include "redis/client.h"

namespace mecapy::cache {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

// A cache with the event loop it lives on.
struct Stage {
  asio::io_context loop;
  std::shared_ptr<base::ManualClock> clock =
      std::make_shared<base::ManualClock>(base::SystemClock().now());
  std::unique_ptr<Cache> cache;
  // Lets `life` pass, where the clock is ours.
  std::function<void(milliseconds life)> pass;

  std::optional<std::string> get(const std::string& key) {
    std::optional<std::optional<std::string>> got;
    asio::co_spawn(loop, base::keep(cache->get(key), got), base::rethrow);
    loop.restart();
    while (!got && loop.run_one() > 0) {
    }
    return *got;
  }
};

struct Factory {
  std::string name;
  std::function<std::unique_ptr<Stage>()> make;
};
std::ostream& operator<<(std::ostream& out, const Factory& factory) { return out << factory.name; }

std::unique_ptr<Stage> in_memory() {
  auto stage = std::make_unique<Stage>();
  stage->cache = make_memory_cache(1 << 20, stage->clock);
  stage->pass = [clock = stage->clock](milliseconds life) { clock->advance(life); };
  return stage;
}

redis::Address address() { return redis::parse_address(base::of_service("redis")).value(); }

std::unique_ptr<Stage> in_redis() {
  auto stage = std::make_unique<Stage>();
  const std::string prefix =
      "mecapy:test-" + base::random_hex(8) + ":";  // its keys end by themselves
  auto sealed = std::make_unique<SealedCache>(
      make_redis_cache(stage->loop.get_executor(), {address(), prefix}));
  sealed->unlock("secret");
  stage->cache = std::move(sealed);
  stage->pass = [](milliseconds) {};  // it has a clock of its own, which does not stand still
  return stage;
}

class CacheContract : public testing::TestWithParam<Factory> {
 protected:
  std::unique_ptr<Stage> stage_ = GetParam().make();
  Cache& cache_ = *stage_->cache;
};

TEST_P(CacheContract, WhatWasPut_IsThereByteForByte) {
  const std::string bytes("\0\xff\r\n$-1", 7);
  EXPECT_EQ(stage_->get("a"), std::nullopt);
  cache_.put("a", bytes, std::chrono::minutes(1));
  cache_.put("b", "", std::chrono::minutes(1));
  EXPECT_EQ(stage_->get("a"), bytes);
  EXPECT_EQ(stage_->get("b"), "");
}

TEST_P(CacheContract, PutAgain_IsTheLatest) {
  cache_.put("a", "1", std::chrono::minutes(1));
  cache_.put("a", "2", std::chrono::minutes(1));
  EXPECT_EQ(stage_->get("a"), "2");
}

TEST_P(CacheContract, AfterItsLife_ItIsGone) {
  cache_.put("short", "1", milliseconds(60));
  cache_.put("long", "1", std::chrono::minutes(1));
  stage_->pass(milliseconds(60));
  const base::Deadline deadline = base::after(std::chrono::seconds(10));
  while (stage_->get("short") && std::chrono::steady_clock::now() < deadline) {
  }
  EXPECT_EQ(stage_->get("short"), std::nullopt);
  EXPECT_EQ(stage_->get("long"), "1");
}

TEST_P(CacheContract, WhatIsTooLarge_IsNotKept) {
  cache_.put("large", std::string(kLargest + 1, 'x'), std::chrono::minutes(1));
  cache_.put("fits", std::string(kLargest, 'x'), std::chrono::minutes(1));
  EXPECT_EQ(stage_->get("large"), std::nullopt);
  EXPECT_EQ(stage_->get("fits").value_or("").size(), kLargest);
}

INSTANTIATE_TEST_SUITE_P(All, CacheContract,
                         testing::Values(Factory{"memory", in_memory}, Factory{"redis", in_redis}),
                         [](const auto& suite) { return suite.param.name; });

TEST(MemoryCache, OverItsBytes_WhatWasUsedLongestAgoGoes) {
  Stage stage;
  stage.cache = make_memory_cache(30, stage.clock);
  for (const char* key : {"a", "b", "c"}) {
    stage.cache->put(key, "123456789", std::chrono::minutes(1));
  }
  EXPECT_TRUE(stage.get("a"));
  stage.cache->put("d", "123456789", std::chrono::minutes(1));
  EXPECT_FALSE(stage.get("b"));
  EXPECT_TRUE(stage.get("a"));
  EXPECT_TRUE(stage.get("c"));
  EXPECT_TRUE(stage.get("d"));
}

// Gives and takes what a test says.
class OpenCache final : public Cache {
 public:
  awaitable<std::optional<std::string>> get(std::string key) override {
    const auto found = held.find(key);
    co_return found == held.end() ? std::nullopt : std::optional(found->second);
  }
  void put(const std::string& key, std::string value, milliseconds) override { held[key] = value; }
  std::map<std::string, std::string> held;
};

TEST(SealedCache, WhatSomebodyElseWrote_IsNotThere) {
  Stage stage;
  auto below = std::make_unique<OpenCache>();
  auto& held = below->held;
  auto sealed = std::make_unique<SealedCache>(std::move(below));
  SealedCache& cache = *sealed;
  stage.cache = std::move(sealed);
  cache.put("a", "before", std::chrono::minutes(1));
  EXPECT_TRUE(held.empty());
  cache.unlock("secret");
  cache.put("a", "value", std::chrono::minutes(1));
  EXPECT_EQ(stage.get("a"), "value");
  const std::string good = held["a"];
  held["b"] = good;  // of another key
  EXPECT_EQ(stage.get("b"), std::nullopt);
  for (std::size_t at = 0; at < good.size(); ++at) {
    held["a"] = good;
    held["a"][at] ^= 1;
    EXPECT_EQ(stage.get("a"), std::nullopt) << at;
  }
  for (const std::string& other : {std::string(), std::string("value"), good.substr(1)}) {
    held["a"] = other;
    EXPECT_EQ(stage.get("a"), std::nullopt) << other;
  }
  held["a"] = good;
  EXPECT_EQ(stage.get("a"), "value");
  cache.unlock("another");
  EXPECT_EQ(stage.get("a"), std::nullopt);
}

TEST(RedisCache, WithoutARedis_NothingIsThereAndNobodyWaits) {
  Stage stage;
  redis::Address nowhere;
  nowhere.host = "127.0.0.1";
  nowhere.port = 9;
  stage.cache = make_redis_cache(stage.loop.get_executor(), {nowhere, "test:"});
  stage.cache->put("a", "1", std::chrono::minutes(1));
  EXPECT_EQ(stage.get("a"), std::nullopt);
  EXPECT_EQ(stage.get("a"), std::nullopt);
}

}  // namespace
}  // namespace mecapy::cache
