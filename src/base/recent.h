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
  // What is known weighs at most `capacity` altogether.
  explicit Recent(std::size_t capacity) : capacity_(capacity) {}

  // Null when unknown; good until the next put().
  const Value* find(const Key& key) {
    const auto it = known_.find(key);
    if (it == known_.end()) return nullptr;
    order_.splice(order_.begin(), order_, it->second);
    return &it->second->value;
  }
  // Keeps what is known of a key already.
  void put(const Key& key, Value value, std::size_t weight = 1) {
    if (known_.contains(key)) return;
    order_.push_front({key, std::move(value), weight});
    known_.emplace(key, order_.begin());
    weight_ += weight;
    while (weight_ > capacity_) forget_oldest();
  }

 private:
  struct Known {
    Key key;
    Value value;
    std::size_t weight;
  };
  using Order = std::list<Known>;  // newest first

  void forget_oldest() {
    weight_ -= order_.back().weight;
    known_.erase(order_.back().key);
    order_.pop_back();
  }

  std::size_t capacity_;
  std::size_t weight_ = 0;
  Order order_{};
  std::unordered_map<Key, typename Order::iterator> known_{};
};

}  // namespace mecapy::base
