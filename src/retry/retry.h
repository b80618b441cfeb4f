// What becomes of a run whose attempt the platform failed, whichever way the run went: it waits
// and is tried again, or that was its last attempt.
//
// Platform faults are tried again, with jittered exponential backoff, up to max_attempts; then the
// run fails with the platform's code. A cancel that was asked for comes before both.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>

#include "base/result.h"
#include "feed/feed.h"
#include "model/run.h"
#include "store/store.h"

namespace mecapy::retry {

using boost::asio::awaitable;
using std::chrono::milliseconds;

struct Policy {
  int max_attempts = 5;
  milliseconds backoff{200};  // of the first retry; doubles, at most backoff_max
  milliseconds backoff_max{10'000};
};

enum class Became : std::uint8_t {
  waits,      // for its next attempt
  cancelled,  // as was asked for
  ended,      // as the attempt did
  lost,       // another one has the run: nothing was written
};

// Watchers are told what is written. The store and the feed must outlive it.
class Retry {
 public:
  Retry(store::Store& store, feed::Feed& feed, Policy policy)
      : store_(store), feed_(feed), policy_(policy) {}

  static bool is_fault(const model::RunEnd& end);
  // Whether the run of an attempt that ended so is to be tried again.
  bool again(const store::Lease& lease, const model::RunEnd& end) const;
  milliseconds pause_after(int attempt) const;

  // The run waits, for `pause` at least.
  awaitable<Result<Became>> put_back(store::Lease lease, model::Failure why, milliseconds pause);
  // The end of a run that is not tried again.
  awaitable<Result<Became>> give_up(store::Lease lease, model::RunEnd end);
  // One of the two, as again() says.
  awaitable<Result<Became>> settle(store::Lease lease, model::RunEnd end);

 private:
  store::Store& store_;
  feed::Feed& feed_;
  Policy policy_;
};

}  // namespace mecapy::retry
