// The dispatcher with a real SQLite store, a real queue and a backend that does what a test says.
#include "dispatcher/dispatcher.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <functional>

#include "base/id.h"

namespace mecapy::dispatcher {
namespace {

namespace asio = boost::asio;
using model::OutcomeCode;
using model::RunStatus;

model::RunEnd failed(OutcomeCode code) {
  model::RunEnd end;
  end.failure = model::Failure{code, "as the test says", "", {}, {}};
  return end;
}

model::RunEnd completed(std::string result) {
  model::RunEnd end;
  end.status = RunStatus::completed;
  end.result.inline_bytes = std::move(result);
  return end;
}

// Answers attempt by attempt; waits until cancelled where the script says so.
class ScriptedBackend final : public backends::Backend {
 public:
  using Script = std::function<model::RunEnd(const model::Job&)>;
  explicit ScriptedBackend(asio::io_context& io) : io_(io) {}
  std::string_view name() const override { return "scripted"; }
  int capacity() const override { return 2; }
  awaitable<model::RunEnd> execute(model::Job job, backends::Observer& observer,
                                   backends::Cancellation& cancellation) override {
    attempts.push_back(job.attempt);
    observer.log("attempt\n");
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
  awaitable<Result<std::optional<model::Failure>>> check(std::string) override {
    co_return std::optional<model::Failure>();
  }
  Script script;
  bool hold = false;
  std::function<void()> on_hold;
  std::vector<int> attempts;

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
    options_.max_attempts = 3;
    options_.backoff = std::chrono::milliseconds(1);
    options_.backoff_max = std::chrono::milliseconds(2);
  }
  ~DispatcherTest() override { std::filesystem::remove_all(folder_); }

  model::RunId submit() {
    model::Task task;
    task.id = model::TaskId::make();
    task.user = "u";
    task.name = "t";
    task.version.code = "c";
    model::Run run;
    run.id = model::RunId::make();
    run.task_id = task.id;
    run.user = "u";
    run.inputs.inline_bytes = "{}";
    const model::RunId id = run.id;
    await([&]() -> awaitable<void> {
      auto made = co_await store_->submit_ad_hoc(std::move(task), std::move(run), std::nullopt);
      EXPECT_TRUE(made);
    });
    return id;
  }

  // Starts a dispatcher, waits for the end of `id`, drains.
  model::Run run_to_end(const model::RunId& id) {
    model::Run run;
    with_dispatcher([&](Dispatcher&) -> awaitable<void> {
      const auto channel = feed_.open(id);
      while (!model::is_end(channel->state().status)) {
        co_await channel->changed(channel->state().version, base::after(std::chrono::seconds(10)));
      }
      auto found = co_await store_->get_run("u", id);
      run = std::move(found.value());
    });
    return run;
  }

  void with_dispatcher(std::function<awaitable<void>(Dispatcher&)> body) {
    queue_ = queue::make_memory_queue(100, clock_);
    Dispatcher dispatcher(io_, {*store_, *queue_, router_, feed_, *clock_}, options_);
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
  std::shared_ptr<base::SystemClock> clock_ = std::make_shared<base::SystemClock>();
  asio::io_context io_{1};  // outlives the store, whose threads answer to it
  std::unique_ptr<store::Store> store_;
  feed::Feed feed_{io_.get_executor()};
  ScriptedBackend backend_{io_};
  router::Router router_{{&backend_}};
  std::unique_ptr<queue::Queue> queue_;
  Options options_;
};

TEST_F(DispatcherTest, WhatWasAcceptedAndNotQueuedIsFoundAtTheStart) {
  const model::RunId id = submit();  // nobody pushed it
  backend_.script = [](const model::Job&) { return completed("1"); };
  const model::Run run = run_to_end(id);
  EXPECT_EQ(run.status, RunStatus::completed);
  EXPECT_EQ(run.end.result.inline_bytes, "1");
  EXPECT_EQ(backend_.attempts, std::vector<int>{1});
}

TEST_F(DispatcherTest, PlatformFaultIsRetriedAndThenSucceeds) {
  const model::RunId id = submit();
  backend_.script = [](const model::Job& job) {
    return job.attempt < 3 ? failed(OutcomeCode::worker_lost) : completed("2");
  };
  const model::Run run = run_to_end(id);
  EXPECT_EQ(run.status, RunStatus::completed);
  EXPECT_FALSE(run.end.failure);
  EXPECT_EQ(backend_.attempts, (std::vector<int>{1, 2, 3}));
}

TEST_F(DispatcherTest, PlatformFaultIsDeadLetteredAfterTheLastAttempt) {
  const model::RunId id = submit();
  backend_.script = [](const model::Job&) { return failed(OutcomeCode::storage_unavailable); };
  const model::Run run = run_to_end(id);
  EXPECT_EQ(run.status, RunStatus::failed);
  EXPECT_EQ(run.end.failure->code, OutcomeCode::storage_unavailable);
  EXPECT_EQ(run.attempt, 3);
  EXPECT_EQ(backend_.attempts.size(), 3u);
}

TEST_F(DispatcherTest, NoOtherFaultIsEverRetried) {
  for (const model::OutcomeRow& row : model::outcome_table()) {
    if (row.fault == model::Fault::platform) continue;
    backend_.attempts.clear();
    const model::RunId id = submit();
    backend_.script = [&](const model::Job&) { return failed(row.code); };
    EXPECT_EQ(run_to_end(id).end.failure->code, row.code);
    EXPECT_EQ(backend_.attempts.size(), 1u) << row.name;
  }
}

TEST_F(DispatcherTest, WhatADeadProcessHeldIsRunAgain) {
  const model::RunId id = submit();
  await([&]() -> awaitable<void> {
    auto job = co_await store_->claim(id, "dead", clock_->now() + std::chrono::hours(1));
    EXPECT_TRUE(job && *job);
  });
  backend_.script = [](const model::Job&) { return completed("3"); };
  const model::Run run = run_to_end(id);
  EXPECT_EQ(run.status, RunStatus::completed);
  EXPECT_EQ(backend_.attempts, std::vector<int>{2});
}

TEST_F(DispatcherTest, ARunThatKillsItsProcessEachTimeIsDeadLettered) {
  const model::RunId id = submit();
  options_.max_attempts = 1;
  await([&]() -> awaitable<void> {
    auto job = co_await store_->claim(id, "dead", clock_->now() + std::chrono::hours(1));
    EXPECT_TRUE(job && *job);
  });
  with_dispatcher([](Dispatcher&) -> awaitable<void> { co_return; });
  await([&]() -> awaitable<void> {
    auto run = co_await store_->get_run("u", id);
    EXPECT_EQ(run->status, RunStatus::failed);
    EXPECT_EQ(run->end.failure->code, OutcomeCode::worker_lost);
  });
  EXPECT_TRUE(backend_.attempts.empty());
}

TEST_F(DispatcherTest, ADrainPutsBackWhatDoesNotEndInTime) {
  const model::RunId id = submit();
  backend_.hold = true;
  with_dispatcher([&](Dispatcher&) -> awaitable<void> {
    const auto channel = feed_.open(id);
    while (channel->state().status != RunStatus::running) {
      co_await channel->changed(channel->state().version, base::after(std::chrono::seconds(10)));
    }
  });
  await([&]() -> awaitable<void> {
    auto run = co_await store_->get_run("u", id);
    EXPECT_EQ(run->status, RunStatus::queued);
  });
  backend_.hold = false;
  backend_.script = [](const model::Job&) { return completed("4"); };
  EXPECT_EQ(run_to_end(id).status, RunStatus::completed);
}

TEST_F(DispatcherTest, ACancelledRunEndsCancelled) {
  const model::RunId id = submit();
  backend_.hold = true;
  with_dispatcher([&](Dispatcher& dispatcher) -> awaitable<void> {
    const auto channel = feed_.open(id);
    backend_.on_hold = [&] { asio::post(io_, [&] { dispatcher.cancel(id); }); };
    while (!model::is_end(channel->state().status)) {
      co_await channel->changed(channel->state().version, base::after(std::chrono::seconds(10)));
    }
    auto run = co_await store_->get_run("u", id);
    EXPECT_EQ(run->status, RunStatus::cancelled);
  });
}

TEST_F(DispatcherTest, AnAttemptWhoseLeaseWasTakenRecordsNothing) {
  const model::RunId id = submit();
  backend_.hold = true;
  options_.lease = std::chrono::milliseconds(30);
  options_.reconcile_every = std::chrono::hours(1);
  with_dispatcher([&](Dispatcher& dispatcher) -> awaitable<void> {
    const auto channel = feed_.open(id);
    while (channel->state().status != RunStatus::running) {
      co_await channel->changed(channel->state().version, base::after(std::chrono::seconds(10)));
    }
    store::Requeue request;
    request.lease = {id, 1};
    request.failure.code = OutcomeCode::worker_lost;
    auto taken = co_await store_->requeue(std::move(request));
    EXPECT_TRUE(taken && *taken);
    auto job = co_await store_->claim(id, "other", clock_->now() + std::chrono::hours(1));
    EXPECT_TRUE(job && *job);
    const std::uint64_t seen = channel->state().version;
    co_await channel->changed(seen,
                              base::after(std::chrono::seconds(10)));  // heartbeat: lost, stopped
    EXPECT_EQ(dispatcher.running(), 0u);
    auto run = co_await store_->get_run("u", id);
    EXPECT_EQ(run->status, RunStatus::running);
    EXPECT_EQ(run->attempt, 2);
  });
}

}  // namespace
}  // namespace mecapy::dispatcher
