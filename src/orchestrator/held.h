// What the runs of workflows of this process hold of values, all together: inputs, lists, what was
// read of results. As long as there is room, each keeps what it will need again; beyond that, one
// at a time reads what its step needs, and keeps none of it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

namespace mecapy::orchestrator {

// Used on one thread. Outlives every Holding of it.
class Held {
 public:
  explicit Held(std::size_t most) : most_(most) {}

  std::size_t bytes() const { return bytes_; }
  // The most that there have been.
  std::size_t peak() const { return peak_; }

 private:
  friend class Holding;

  bool fits(std::size_t bytes) const { return bytes <= most_ && bytes_ <= most_ - bytes; }
  void count(std::size_t before, std::size_t now);
  void end_turn();

  std::size_t most_;
  std::size_t bytes_ = 0;
  std::size_t peak_ = 0;
  bool turn_ = false;                                                 // somebody's
  std::deque<std::shared_ptr<boost::asio::steady_timer>> waiting_{};  // rung when it is theirs
};

// One run's part of it.
class Holding {
 public:
  explicit Holding(std::shared_ptr<Held> held) : held_(std::move(held)) {}
  ~Holding() { settle(0); }
  Holding(const Holding&) = delete;
  Holding& operator=(const Holding&) = delete;

  // So many bytes more are about to be read. Waits for its turn when there is no room for them.
  boost::asio::awaitable<void> take(std::size_t bytes);
  // Whether what was taken was more than there was room for: none of it is to be kept.
  bool beyond() const { return turn_; }
  // So many bytes are held now, the step being done; the turn is the next one's.
  void settle(std::size_t kept);

 private:
  std::shared_ptr<Held> held_;
  std::size_t bytes_ = 0;  // counted there
  bool turn_ = false;
};

}  // namespace mecapy::orchestrator
