// What the two halves of home have in common: a machine whose worker calls, and small answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "feed/feed.h"
#include "home/home.h"
#include "net/http.h"
#include "objects/objects.h"

namespace mecapy::home {

inline constexpr std::chrono::seconds kObjects{60};  // one call of the object store

struct Home::Guest {
  std::shared_ptr<feed::Channel> channel{};
  std::int64_t log = 0;  // bytes of it that came to this process
  std::size_t most_log = std::numeric_limits<std::size_t>::max();  // bytes; its run's own limit
  std::string key{};  // of the object that is on its way; "" when none is
  std::unique_ptr<objects::Writer> writer{};
  std::int64_t have = 0;
  std::string checkpoint{};  // the key of the one that the run has, where that is known
  std::map<std::string, std::int64_t> granted{};  // sizes of what it may write by links
  std::map<std::string, std::int64_t> kept{};     // sizes of what is known to be there
  struct Untold {
    std::string key{};
    std::chrono::steady_clock::time_point written{};  // no link can write it any more
  };
  std::deque<Untold> untold{};   // checkpoints that were begun and not told of, oldest first
  std::int64_t checkpoints = 0;  // links for them
  std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
  bool busy = false;     // a piece of it is being written
  bool telling = false;  // a call that tells lines is being handled
  bool anew = false;     // it has begun without the checkpoint that it was given
  bool over = false;     // the end of its attempt is recorded: nothing more is taken of it
  std::chrono::steady_clock::time_point heard{};
};

// Sets a flag for as long as it lives.
class Hold {
 public:
  explicit Hold(bool& flag) : flag_(flag) { flag_ = true; }
  ~Hold() { flag_ = false; }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  bool& flag_;
};

net::Response json(std::string body);
Error lost();
// A whole number that a query gives; nothing when it gives none.
std::optional<std::int64_t> number(const net::Request& request, const std::string& name);
// The text that a query gives; "" when it gives none.
std::string text(const net::Request& request, const std::string& name);
Error wrong_query(const char* name);

}  // namespace mecapy::home
