#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "cache/cache.h"
#include "redis/client.h"

namespace mecapy::cache {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kPatience{250};
constexpr std::chrono::seconds kAway{1};  // it is not asked meanwhile
constexpr std::size_t kUnderWay = 1000;   // puts that may wait for their answers

// What puts on their way share with the cache, which may go before them.
struct Link {
  explicit Link(asio::any_io_executor executor, redis::Address address)
      : client(std::move(executor), std::move(address)) {}
  redis::Client client;
  base::Deadline away_until{};
  std::size_t under_way = 0;

  bool away() const { return std::chrono::steady_clock::now() < away_until; }
  awaitable<std::optional<redis::Reply>> call(redis::Command command) {
    auto reply = co_await client.call(std::move(command), base::after(kPatience));
    if (!reply) away_until = base::after(kAway);
    if (!reply || reply->is_error()) co_return std::nullopt;
    co_return std::move(*reply);
  }
};

class RedisCache final : public Cache {
 public:
  RedisCache(asio::any_io_executor executor, RedisCacheOptions options)
      : executor_(executor),
        prefix_(std::move(options.prefix)),
        link_(std::make_shared<Link>(std::move(executor), std::move(options.address))) {}

  awaitable<std::optional<std::string>> get(std::string key) override {
    if (link_->away()) co_return std::nullopt;
    redis::Command command{"GET", prefix_ + key};
    auto reply = co_await link_->call(std::move(command));
    if (!reply || reply->kind != redis::Reply::Kind::text) co_return std::nullopt;
    co_return std::move(reply->text);
  }

  void put(const std::string& key, std::string value, std::chrono::milliseconds life) override {
    if (value.size() > kLargest + SealedCache::kSealBytes || link_->away() ||
        link_->under_way >= kUnderWay)
      return;
    ++link_->under_way;
    redis::Command command{"SET", prefix_ + key, std::move(value), "PX",
                           std::to_string(life.count())};
    asio::co_spawn(executor_, tell(link_, std::move(command)), asio::detached);
  }

 private:
  static awaitable<void> tell(std::shared_ptr<Link> link, redis::Command command) {
    (void)co_await link->call(std::move(command));
    --link->under_way;
  }

  asio::any_io_executor executor_;
  std::string prefix_;
  std::shared_ptr<Link> link_;
};

}  // namespace

std::unique_ptr<Cache> make_redis_cache(asio::any_io_executor executor, RedisCacheOptions options) {
  return std::make_unique<RedisCache>(std::move(executor), std::move(options));
}

}  // namespace mecapy::cache
