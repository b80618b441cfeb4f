// What every feed must keep, within one process and between those that share a Redis: the run
// happens at one end and is watched at the other. An implementation gives its factory:
//   INSTANTIATE_TEST_SUITE_P(Local, FeedContract, testing::Values(FeedFactory{...}));
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "base/test_await.h"
#include "feed/feed.h"

namespace mecapy::feed {

// Both ends, which may be the same feed, and what they live in.
struct FeedEnds {
  std::shared_ptr<void> held;
  Feed* here = nullptr;   // where the run happens
  Feed* there = nullptr;  // where it is watched
};

struct FeedFactory {
  std::string name;
  // From when it returns, each end hears the other.
  std::function<FeedEnds(boost::asio::io_context& loop)> make;
};
inline std::ostream& operator<<(std::ostream& out, const FeedFactory& factory) {
  return out << factory.name;
}

// Whether it holds within ten seconds; `again` is done a few times a second meanwhile.
template <class Condition>
bool eventually(
    boost::asio::io_context& loop, Condition condition,
    const std::function<void()>& again = [] {}) {
  const base::Deadline deadline = base::after(std::chrono::seconds(10));
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    again();
    loop.restart();
    // A loop with nothing to do returns at once; one that waits for Redis, with each message.
    loop.run_one_for(std::chrono::milliseconds(50));
    loop.poll();
  }
  return true;
}

// Somebody who waits for each change, and what he saw of it.
class Watcher {
 public:
  Watcher(boost::asio::io_context& loop, std::shared_ptr<Channel> channel)
      : seen_(std::make_shared<Seen>()) {
    boost::asio::co_spawn(loop, follow(std::move(channel), seen_), base::rethrow);
  }
  // He leaves at the next change.
  ~Watcher() { seen_->left = true; }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  using Status = std::pair<int, model::RunStatus>;  // with its attempt
  Status status() const { return seen_->statuses.empty() ? Status() : seen_->statuses.back(); }
  const std::vector<std::string>& progress() const { return seen_->progress; }
  const std::string& log() const { return seen_->log; }
  // Whether the log of an attempt only ever grew at its end.
  bool only_grew() const { return seen_->only_grew; }
  std::size_t ends() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        seen_->statuses, [](const Status& one) { return model::is_end(one.second); }));
  }

 private:
  struct Seen {
    std::vector<Status> statuses{};
    std::vector<std::string> progress{};
    std::string log{};
    bool only_grew = true;
    bool left = false;

    void look(const Channel::State& state) {
      const bool other = !statuses.empty() && statuses.back().first != state.attempt;
      if (!other && !state.log.starts_with(log)) only_grew = false;
      log = state.log;
      const Status status{state.attempt, state.status};
      if (statuses.empty() || statuses.back() != status) statuses.push_back(status);
      if (!state.progress.empty() && (progress.empty() || progress.back() != state.progress)) {
        progress.push_back(state.progress);
      }
    }
  };

  static boost::asio::awaitable<void> follow(std::shared_ptr<Channel> channel,
                                             std::shared_ptr<Seen> seen) {
    while (!seen->left) {
      seen->look(channel->state());
      co_await channel->changed(channel->state().version, base::after(std::chrono::minutes(1)));
    }
  }

  std::shared_ptr<Seen> seen_;
};

class FeedContract : public testing::TestWithParam<FeedFactory> {
 protected:
  template <class Condition>
  bool eventually(Condition condition) {
    return feed::eventually(loop_, std::move(condition));
  }
  // Returns when all that was told until now, and what that made the other end tell, was heard.
  void settle() {
    tell_and_hear(here_, there_);
    tell_and_hear(there_, here_);
    tell_and_hear(here_, there_);
  }

  boost::asio::io_context loop_;
  FeedEnds ends_ = GetParam().make(loop_);
  Feed& here_ = *ends_.here;
  Feed& there_ = *ends_.there;
  model::RunId id_ = model::RunId::make();

 private:
  void tell_and_hear(Feed& from, Feed& to) {
    const model::RunId other = model::RunId::make();
    const auto heard = to.open(other);
    from.open(other)->set_status(model::RunStatus::completed, 1);
    EXPECT_TRUE(eventually([&] { return model::is_end(heard->state().status); }));
    loop_.restart();
    loop_.poll();
  }
};

}  // namespace mecapy::feed
