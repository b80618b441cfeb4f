#include <list>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "cache/cache.h"

namespace mecapy::cache {
namespace {

class MemoryCache final : public Cache {
 public:
  MemoryCache(std::size_t bytes, std::shared_ptr<const base::Clock> clock)
      : most_(bytes), clock_(std::move(clock)) {}

  awaitable<std::optional<std::string>> get(std::string key) override {
    const auto known = known_.find(key);
    if (known == known_.end()) co_return std::nullopt;
    if (known->second->until <= clock_->now()) {
      forget(known->second);
      co_return std::nullopt;
    }
    order_.splice(order_.begin(), order_, known->second);
    co_return known->second->value;
  }

  void put(const std::string& key, std::string value, std::chrono::milliseconds life) override {
    if (const auto known = known_.find(key); known != known_.end()) forget(known->second);
    if (value.size() > kLargest || value.size() + key.size() > most_) return;
    bytes_ += key.size() + value.size();
    order_.push_front({key, std::move(value), clock_->now() + life});
    known_.emplace(order_.front().key, order_.begin());
    while (bytes_ > most_) forget(std::prev(order_.end()));
  }

 private:
  struct Entry {
    std::string key;
    std::string value;
    base::TimePoint until;
  };
  using Order = std::list<Entry>;  // used last first

  void forget(Order::iterator entry) {
    bytes_ -= entry->key.size() + entry->value.size();
    known_.erase(entry->key);
    order_.erase(entry);
  }

  std::size_t most_;
  std::shared_ptr<const base::Clock> clock_;
  std::size_t bytes_ = 0;
  Order order_;
  std::unordered_map<std::string_view, Order::iterator> known_;  // by the entry's own key
};

}  // namespace

std::unique_ptr<Cache> make_memory_cache(std::size_t bytes,
                                         std::shared_ptr<const base::Clock> clock) {
  return std::make_unique<MemoryCache>(bytes, std::move(clock));
}

}  // namespace mecapy::cache
