// What was learnt about the last few keys; the one used longest ago is forgotten first.
#pragma once

#include <cstddef>
#include <list>
#include <unordered_map>
#include <utility>

namespace mecapy::base {

// Of one thread. `Key` has a std::hash.
template <class Key, class Value>
class Recent {
 public:
  explicit Recent(std::size_t capacity) : capacity_(capacity) {}

  // Null when unknown; good until the next put().
  const Value* find(const Key& key) {
    const auto it = known_.find(key);
    if (it == known_.end()) return nullptr;
    order_.splice(order_.begin(), order_, it->second);
    return &it->second->second;
  }
  // Keeps what is known of a key already.
  void put(const Key& key, Value value) {
    if (known_.contains(key)) return;
    order_.emplace_front(key, std::move(value));
    known_.emplace(key, order_.begin());
    if (order_.size() <= capacity_) return;
    known_.erase(order_.back().first);
    order_.pop_back();
  }

 private:
  using Order = std::list<std::pair<Key, Value>>;  // newest first
  std::size_t capacity_;
  Order order_;
  std::unordered_map<Key, typename Order::iterator> known_;
};

}  // namespace mecapy::base
