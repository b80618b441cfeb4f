// For tests: a dispatcher with a real SQLite store, a real queue and a backend that does what a
// test says.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/id.h"
#include "dispatcher/dispatcher.h"
#include "store/test_run.h"

namespace mecapy::dispatcher {
namespace asio = boost::asio;
using model::OutcomeCode;
using model::RunStatus;

inline model::RunEnd failed(OutcomeCode code) {
  model::RunEnd end;
  end.failure = model::Failure{code, "as the test says", "", {}, {}};
  return end;
}

inline model::RunEnd completed(std::string result) {
  model::RunEnd end;
  end.status = RunStatus::completed;
  end.result.inline_bytes = std::move(result);
  return end;
}

// The time of day, and what a test has added to it.
class ShiftedClock final : public base::Clock {
 public:
  base::TimePoint now() const override { return base::SystemClock().now() + shift_.load(); }
  void advance(std::chrono::microseconds d) { shift_ = shift_.load() + d; }

 private:
  std::atomic<std::chrono::microseconds> shift_{};
};

// A queue that tells a test of each push, and is told what is left of the pause.
class WatchedQueue final : public queue::Queue {
 public:
  using OnPush = std::function<std::chrono::microseconds(std::chrono::microseconds pause)>;
  WatchedQueue(std::unique_ptr<queue::Queue> inner, OnPush on_push)
      : inner_(std::move(inner)), on_push_(std::move(on_push)) {}
  Result<void> push(model::RunId id, std::chrono::microseconds pause) override {
    if (on_push_) pause = on_push_(pause);
    return inner_->push(std::move(id), pause);
  }
  awaitable<std::optional<model::RunId>> pop(base::Deadline deadline) override {
    return inner_->pop(deadline);
  }
  void done(const model::RunId& id) override { inner_->done(id); }
  void bury(const model::RunId& id, const std::string& why) override { inner_->bury(id, why); }
  Result<void> health() const override { return inner_->health(); }
  std::size_t size() const override { return inner_->size(); }
  std::size_t capacity() const override { return inner_->capacity(); }
  void close() override { inner_->close(); }

 private:
  std::unique_ptr<queue::Queue> inner_;
  OnPush on_push_;
};

// Answers attempt by attempt; waits until cancelled where the script says so.
class ScriptedBackend final : public backends::Backend {
 public:
  using Script = std::function<model::RunEnd(const model::Job&)>;
  explicit ScriptedBackend(asio::io_context& io) : io_(io) {}
  std::string_view name() const override { return "scripted"; }
  int capacity() const override { return 2; }
  std::string environment() const override { return ""; }
  awaitable<model::RunEnd> execute(model::Job job, backends::Observer& observer,
                                   backends::Cancellation& cancellation) override {
    attempts.push_back(job.attempt);
    runs.push_back(job.run_id);
    begun_with.push_back(job.checkpoint ? job.checkpoint->number : 0);
    for (const std::int64_t number : saves) {
      model::Checkpoint saved;
      saved.number = number;
      saved.size = 10;
      observer.checkpoint(saved);
    }
    if (cannot_use && job.checkpoint) observer.anew();
    if (!says.empty()) observer.log(says);
    if (hold) {
      asio::steady_timer timer(io_, asio::steady_timer::time_point::max());
      cancellation.set_hook([&timer] { timer.cancel(); });
      boost::system::error_code ec;
      if (on_hold) on_hold();
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
      cancellation.clear_hook();
      model::RunEnd end;
      end.status = RunStatus::cancelled;
      co_return end;
    }
    co_return script(job);
  }
  awaitable<Result<model::Look>> check(std::string, base::Deadline) override {
    co_return model::Look();
  }
  awaitable<Result<std::string>> ready(base::Deadline) override { co_return ""; }
  Script script;
  std::string says = "attempt\n";
  std::vector<std::int64_t> saves;  // numbers of the checkpoints that each attempt tells at once
  bool cannot_use = false;          // the checkpoint it is given
  std::vector<std::int64_t> begun_with;  // the number of each attempt's checkpoint; 0 for none
  bool hold = false;
  std::function<void()> on_hold;
  std::vector<int> attempts;
  std::vector<model::RunId> runs;  // whose each attempt was

 private:
  asio::io_context& io_;
};

class DispatcherTest : public testing::Test {
 protected:
  DispatcherTest() {
    std::filesystem::create_directory(folder_);
    auto store = store::open_sqlite(folder_ + "/db", clock_);
    store_ = std::move(store.value());
    options_.claimant = "me";
    options_.retry.max_attempts = 3;
    options_.retry.backoff = std::chrono::milliseconds(1);
    options_.retry.backoff_max = std::chrono::milliseconds(2);
  }
  ~DispatcherTest() override { std::filesystem::remove_all(folder_); }

  // Puts a run into the store, and not into the queue.
  awaitable<model::RunId> accept() {
    auto [task, run] = store::test_run();
    model::RunId id = run.id;
    auto made = co_await store_->submit_ad_hoc(std::move(task), std::move(run), std::nullopt);
    EXPECT_TRUE(made);
    co_return id;
  }

  model::RunId submit() {
    model::RunId id;
    await([&]() -> awaitable<void> { id = co_await accept(); });
    return id;
  }

  awaitable<void> claim_for(std::string claimant, model::RunId id, std::chrono::seconds lease) {
    auto job = co_await store_->claim(id, std::move(claimant), lease);
    EXPECT_TRUE(job && *job);
  }

  // The run when `enough` says so, or when that has not come within ten seconds.
  awaitable<model::Run> run_when(model::RunId id,
                                 std::function<bool(const feed::Channel::State&)> enough) {
    const base::Deadline deadline = base::after(std::chrono::seconds(10));
    const auto channel = feed_.open(id);
    while (!enough(channel->state()) && std::chrono::steady_clock::now() < deadline) {
      co_await channel->changed(channel->state().version, deadline);
    }
    auto found = co_await store_->get_run("u", id);
    co_return std::move(found.value());
  }

  static bool ended(const feed::Channel::State& state) { return model::is_end(state.status); }

  // Starts a dispatcher, waits for the end of `id`, drains.
  model::Run run_to_end(const model::RunId& id) {
    model::Run run;
    with_dispatcher([&](Dispatcher&) -> awaitable<void> { run = co_await run_when(id, ended); });
    return run;
  }

  void with_dispatcher(std::function<awaitable<void>(Dispatcher&)> body) {
    queue_ = std::make_unique<WatchedQueue>(queue::make_memory_queue(100, clock_), on_push_);
    Dispatcher dispatcher(
        io_,
        {*store_, *queue_, router_, feed_,
         [this](const AttemptReport& report) { reports_.push_back(report); },
         [this](const model::RunId& id) {
           written_.emplace_back(id, feed_.open(id)->state().status);
         },
         [] {}, [this](std::string key) { forgotten_.push_back(std::move(key)); }},
        options_);
    await([&]() -> awaitable<void> {
      auto started = co_await dispatcher.start();
      EXPECT_TRUE(started);
      co_await body(dispatcher);
      co_await dispatcher.drain(base::after(std::chrono::milliseconds(1)));
      io_.stop();
    });
  }

  void await(std::function<awaitable<void>()> body) {
    std::exception_ptr failure;
    asio::co_spawn(io_, std::move(body), [&](std::exception_ptr e) {
      failure = e;
      io_.stop();
    });
    io_.restart();
    io_.run();
    if (failure) std::rethrow_exception(failure);
  }

  std::string folder_ = testing::TempDir() + "mecapy-dispatcher-" + base::random_hex(4);
  std::shared_ptr<ShiftedClock> clock_ = std::make_shared<ShiftedClock>();
  asio::io_context io_{1};  // outlives the store, whose threads answer to it
  std::unique_ptr<store::Store> store_;
  feed::Feed feed_{io_.get_executor()};
  ScriptedBackend backend_{io_};
  router::Router router_{{&backend_}};
  WatchedQueue::OnPush on_push_;
  std::unique_ptr<queue::Queue> queue_;
  Options options_;
  std::vector<std::string> forgotten_;  // objects that nobody needs any more
  std::vector<AttemptReport> reports_;
  // Whose end could be read, and what the feed told of it then.
  std::vector<std::pair<model::RunId, model::RunStatus>> written_;
};

}  // namespace mecapy::dispatcher
