// Work on many bytes, done beside the event loop so that other runs do not wait for it.
#pragma once

#include "base/offload.h"

namespace mecapy::worker {

// Reading JSON takes about a millisecond for each 128 KiB (as in the api).
inline constexpr std::size_t kLarge = 256 * 1024;  // bytes

// What `work`, a Result<T>() over `bytes` bytes, makes: here when they are few, else on a thread of
// the pool. deadline_exceeded when no thread was free in time.
template <class T, class Work>
boost::asio::awaitable<Result<T>> beside_loop(boost::asio::thread_pool& threads, std::size_t bytes,
                                              Work work) {
  if (bytes <= kLarge) co_return work();
  co_return co_await base::offload<T>(threads, base::after(std::chrono::seconds(30)),
                                      std::move(work));
}

}  // namespace mecapy::worker
