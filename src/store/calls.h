// What calls of the store have in common: keys of clients, what was made, pages.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace mecapy::store {

// A client's Idempotency-Key (1-200 bytes) with a hash of the request it came with.
struct Idempotency {
  std::string key;
  std::string request_hash;
};

// `created` is false when an Idempotency-Key led to what an earlier request made.
template <class T>
struct Created {
  T value;
  bool created = true;
  // What its owner has used of a budget before it, EUR, where one was asked about.
  std::optional<double> used{};
};

// The texts of a page: names, descriptions and tags, or the messages of failures. One that reaches
// this ends before its limit.
inline constexpr std::size_t kPageTextBytes = 512 * 1024;

// Newest first. `after` is the id of the last item of the page before; empty for the first page.
struct PageRequest {
  std::string after;
  int limit = 50;
};

template <class T>
struct Page {
  std::vector<T> items;
  std::string next;  // empty on the last page
};

}  // namespace mecapy::store
