// A call of the store on its way through one of its threads: what to do on the connection there,
// and the coroutine to resume with the answer.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/result.h"
#include "store/connection.h"

namespace mecapy::store {

namespace asio = boost::asio;

class Request {
 public:
  virtual ~Request() = default;
  // Does the work. False when it failed, and what it wrote must be rolled back. May be called
  // again, on another connection.
  virtual bool run(Connection& connection) = 0;
  // Why the last run() failed; nothing when it did not.
  virtual std::optional<ErrorCode> failure() const = 0;
  // Makes `error` the answer, whatever run() found.
  virtual void fail_with(const Error& error) = 0;
  // What run() wrote can be read by others, though it may not survive yet what it must before it is
  // answered. Not called by every database.
  virtual void committed() = 0;
  // Hands the answer to the waiting coroutine, on that one's executor. Called once, last.
  virtual void answer() = 0;
};

// Called on the executor of who waits for the answer, before that, once what was asked for is
// committed; it may be empty.
using Committed = std::function<void()>;

// Work: Result<T>(Connection&). Handler: void(Result<T>).
template <class T, class Work, class Handler>
class PendingRequest final : public Request {
 public:
  PendingRequest(Work work, Committed committed, Handler handler)
      : work_(std::move(work)),
        committed_(std::move(committed)),
        guard_(asio::get_associated_executor(handler)),
        handler_(std::move(handler)) {}

  bool run(Connection& connection) override {
    try {
      result_.emplace(work_(connection));
    } catch (const soci::soci_error& e) {
      result_.emplace(connection.translate(e));
    }
    return result_->has_value();
  }

  std::optional<ErrorCode> failure() const override {
    if (!result_ || *result_) return std::nullopt;
    return result_->error().code;
  }

  void fail_with(const Error& error) override { result_.emplace(error); }

  void committed() override {
    if (committed_ && result_ && *result_) {
      asio::post(guard_.get_executor(), std::exchange(committed_, {}));
    }
  }

  void answer() override {
    const auto executor = guard_.get_executor();
    asio::post(executor, [handler = std::move(handler_), result = std::move(*result_)]() mutable {
      std::move(handler)(std::move(result));
    });
    guard_.reset();
  }

 private:
  using Executor = asio::associated_executor_t<Handler>;

  Work work_;
  Committed committed_;
  asio::executor_work_guard<Executor> guard_;  // the executor waits for the answer
  Handler handler_;
  std::optional<Result<T>> result_;
};

// Suspends the calling coroutine until `submit` has brought `work` through a thread of the store.
template <class T, class Work, class Submit>
asio::awaitable<Result<T>> await_request(Work work, Submit submit, Committed committed = {}) {
  return asio::async_initiate<const asio::use_awaitable_t<>&, void(Result<T>)>(
      [](auto handler, Work work, Submit submit, Committed committed) {
        using Handler = decltype(handler);
        submit(std::make_unique<PendingRequest<T, Work, Handler>>(
            std::move(work), std::move(committed), std::move(handler)));
      },
      asio::use_awaitable, std::move(work), std::move(submit), std::move(committed));
}

}  // namespace mecapy::store
