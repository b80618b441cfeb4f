// Runs blocking work on a pool's thread while the calling coroutine is suspended.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/clock.h"
#include "base/result.h"

namespace mecapy::objects {

namespace asio = boost::asio;

// Result<T>(): posted to the pool; the answer resumes the coroutine on its own executor.
template <class T, class Work, class Handler>
void post_work(asio::thread_pool& pool, Work work, base::Deadline deadline, Handler handler) {
  auto guard = asio::make_work_guard(asio::get_associated_executor(handler));
  asio::post(pool, [work = std::move(work), deadline, handler = std::move(handler),
                    guard = std::move(guard)]() mutable {
    const bool late = std::chrono::steady_clock::now() >= deadline;
    Result<T> result =
        late ? Result<T>(fail(ErrorCode::deadline_exceeded, "the object store was too slow"))
             : work();
    const auto executor = guard.get_executor();
    asio::post(executor, [handler = std::move(handler), result = std::move(result)]() mutable {
      std::move(handler)(std::move(result));
    });
  });
}

// deadline_exceeded when the work could not begin in time. Work that has begun is waited for.
template <class T, class Work>
asio::awaitable<Result<T>> offload(asio::thread_pool& pool, base::Deadline deadline, Work work) {
  return asio::async_initiate<const asio::use_awaitable_t<>&, void(Result<T>)>(
      [&pool](auto handler, base::Deadline until, Work w) {
        post_work<T>(pool, std::move(w), until, std::move(handler));
      },
      asio::use_awaitable, deadline, std::move(work));
}

}  // namespace mecapy::objects
