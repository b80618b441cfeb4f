// Runs blocking or lengthy work on a pool's thread while the calling coroutine is suspended.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

#include "base/clock.h"
#include "base/result.h"

namespace mecapy::base {

namespace asio = boost::asio;

// Result<T>(): posted to the pool; the answer resumes the coroutine on its own executor.
template <class T, class Work, class Handler>
void post_work(asio::thread_pool& pool, Work work, Deadline deadline, Handler handler) {
  auto guard = asio::make_work_guard(asio::get_associated_executor(handler));
  asio::post(pool, [work = std::move(work), deadline, handler = std::move(handler),
                    guard = std::move(guard)]() mutable {
    Result<T> result = fail(ErrorCode::deadline_exceeded, "no thread was free in time");
    std::exception_ptr thrown;
    try {
      if (std::chrono::steady_clock::now() < deadline) result = work();
    } catch (...) {
      thrown = std::current_exception();
    }
    const auto executor = guard.get_executor();
    asio::post(executor, [handler = std::move(handler), thrown = std::move(thrown),
                          result = std::move(result)]() mutable {
      std::move(handler)(thrown, std::move(result));
    });
  });
}

// deadline_exceeded when the work could not begin in time. Work that has begun is waited for; what
// it throws is thrown here.
template <class T, class Work>
asio::awaitable<Result<T>> offload(asio::thread_pool& pool, Deadline deadline, Work work) {
  return asio::async_initiate<const asio::use_awaitable_t<>&, void(std::exception_ptr, Result<T>)>(
      [&pool](auto handler, Deadline until, Work w) {
        post_work<T>(pool, std::move(w), until, std::move(handler));
      },
      asio::use_awaitable, deadline, std::move(work));
}

// Reading this many bytes (SHA-256, JSON) holds up an event loop for a millisecond or two.
inline constexpr std::size_t kLarge = 256 * 1024;

// What `work`, a Result<T>() over `bytes` bytes, makes: here when they are few, else on a thread of
// the pool, so that nobody else on the loop waits for it. deadline_exceeded as offload().
template <class T, class Work>
asio::awaitable<Result<T>> beside_loop(asio::thread_pool& pool, std::size_t bytes, Work work,
                                       Deadline deadline = after(std::chrono::seconds(30))) {
  if (bytes <= kLarge) co_return work();
  co_return co_await offload<T>(pool, deadline, std::move(work));
}

}  // namespace mecapy::base
