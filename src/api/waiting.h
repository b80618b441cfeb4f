// Answers that wait for the end of a run, or of a workflow run.
#pragma once

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>
#include <utility>

#include "api/routes.h"

namespace mecapy::api {

// How often a waiting request looks into the store by itself, should the feed have told it nothing.
inline constexpr std::chrono::seconds kLook{2};

// `run` when it has ended (`ended`, a bool(const T&)), or as it is after `wait`; at once when it
// has ended already, or `wait` is zero. Nobody waits for a client that has gone; the run goes on.
// `read`, an awaitable<Result<T>>(), reads it again; `channel` is the run's, opened before it was
// read, so that nothing is missed. The errors of `read`.
template <class T, class Ended, class Read>
awaitable<Result<T>> wait_for(Call& call, T run, feed::Channel& channel,
                              std::chrono::milliseconds wait, Ended ended, Read read) {
  using namespace boost::asio::experimental::awaitable_operators;
  if (ended(run) || wait.count() == 0) co_return run;
  Result<T> seen = std::move(run);
  const auto watching = [&]() -> awaitable<void> {
    const base::Deadline deadline = base::after(wait);
    while (seen && !ended(*seen) && std::chrono::steady_clock::now() < deadline) {
      const base::Deadline look = std::min(deadline, base::after(kLook));
      while (!model::is_end(channel.state().status) && std::chrono::steady_clock::now() < look) {
        co_await channel.changed(channel.state().version, look);
      }
      auto now = co_await read();
      seen = std::move(now);
    }
  };
  co_await (watching() || call.exchange.wait_hangup());
  co_return seen;
}

// The same of a run; the store's errors.
awaitable<Result<model::Run>> wait_for_end(Api& api, Call& call, model::Run run,
                                           feed::Channel& channel, std::chrono::milliseconds wait);

}  // namespace mecapy::api
