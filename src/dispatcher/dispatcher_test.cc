// The dispatcher with a real SQLite store, a real queue and a backend that does what a test says.
#include "dispatcher/dispatcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <functional>
#include <set>

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
  awaitable<Result<std::optional<model::Failure>>> check(std::string, base::Deadline) override {
    co_return std::optional<model::Failure>();
  }
  awaitable<Result<std::string>> ready(base::Deadline) override { co_return ""; }
  Script script;
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
    options_.max_attempts = 3;
    options_.backoff = std::chrono::milliseconds(1);
    options_.backoff_max = std::chrono::milliseconds(2);
  }
  ~DispatcherTest() override { std::filesystem::remove_all(folder_); }

  // Puts a run into the store, and not into the queue.
  awaitable<model::RunId> accept() {
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
    Dispatcher dispatcher(io_,
                          {*store_, *queue_, router_, feed_,
                           [this](const AttemptReport& report) { reports_.push_back(report); }},
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
  std::vector<AttemptReport> reports_;
};

TEST_F(DispatcherTest, EachAttemptIsReportedWithItsTimes) {
  const model::RunId id = submit();
  backend_.script = [](const model::Job& job) {
    model::RunEnd end = job.attempt == 1 ? failed(OutcomeCode::worker_lost) : completed("1");
    end.usage = {.wall_us = 30, .setup_us = 20};
    return end;
  };
  run_to_end(id);
  ASSERT_EQ(reports_.size(), 2u);
  const AttemptReport& first = reports_[0];
  EXPECT_EQ(first.run, id);
  EXPECT_EQ(first.backend, "scripted");
  EXPECT_EQ(first.became, Became::retried);
  EXPECT_EQ(first.code, OutcomeCode::worker_lost);
  EXPECT_TRUE(first.times.queued && first.times.claim && first.times.execute);
  EXPECT_FALSE(first.times.record || first.times.total);
  const AttemptReport& second = reports_[1];
  EXPECT_EQ(second.attempt, 2);
  EXPECT_EQ(second.became, Became::recorded);
  EXPECT_EQ(second.status, RunStatus::completed);
  EXPECT_FALSE(second.code || second.given_up || second.times.queued);
  EXPECT_EQ(second.times.setup, std::chrono::microseconds(20));
  EXPECT_EQ(second.times.run, std::chrono::microseconds(30));
  EXPECT_GE(second.times.total, *first.times.queued + *first.times.execute);
  EXPECT_TRUE(second.times.record);
}

TEST_F(DispatcherTest, TheLastAttemptThePlatformFailsIsReportedAsGivenUp) {
  const model::RunId id = submit();
  options_.max_attempts = 1;
  backend_.script = [](const model::Job&) { return failed(OutcomeCode::internal); };
  run_to_end(id);
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_TRUE(reports_[0].given_up);
  EXPECT_EQ(reports_[0].became, Became::recorded);
  EXPECT_EQ(reports_[0].code, OutcomeCode::internal);
}

TEST_F(DispatcherTest, WhatADeadProcessHeldIsReportedWithoutABackend) {
  const model::RunId id = submit();
  await([&]() -> awaitable<void> { co_await claim_for("dead", id, std::chrono::hours(1)); });
  options_.max_attempts = 1;
  with_dispatcher([](Dispatcher&) -> awaitable<void> { co_return; });
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_EQ(reports_[0].backend, "");
  EXPECT_TRUE(reports_[0].given_up);
  EXPECT_FALSE(reports_[0].times.total);
}

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

TEST_F(DispatcherTest, WhatABackendThrowsIsAPlatformFault) {
  backend_.script = [](const model::Job& job) -> model::RunEnd {
    if (job.attempt == 1) throw std::runtime_error("unexpected");
    return completed("1");
  };
  const auto run = run_to_end(submit());
  EXPECT_EQ(run.status, RunStatus::completed);
  EXPECT_EQ(run.attempt, 2);
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
    auto job = co_await store_->claim(id, "dead", std::chrono::hours(1));
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
    auto job = co_await store_->claim(id, "dead", std::chrono::hours(1));
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
    auto job = co_await store_->claim(id, "other", std::chrono::hours(1));
    EXPECT_TRUE(job && *job);
    const std::uint64_t seen = channel->state().version;
    co_await channel->changed(seen,
                              base::after(std::chrono::seconds(10)));  // heartbeat: lost, stopped
    EXPECT_EQ(dispatcher.running(), 0u);
    auto run = co_await store_->get_run("u", id);
    EXPECT_EQ(run->status, RunStatus::running);
    EXPECT_EQ(run->attempt, 2);
  });
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_EQ(reports_[0].became, Became::lost);
}

TEST_F(DispatcherTest, WhatWasAcceptedLaterAndNotQueuedIsFoundByTheReconciler) {
  options_.reconcile_every = std::chrono::milliseconds(10);
  backend_.script = [](const model::Job&) { return completed("5"); };
  with_dispatcher([&](Dispatcher&) -> awaitable<void> {
    const model::RunId id = co_await accept();  // nobody pushes it
    const model::Run run = co_await run_when(id, ended);
    EXPECT_EQ(run.status, RunStatus::completed);
  });
  EXPECT_EQ(backend_.attempts, std::vector<int>{1});
}

TEST_F(DispatcherTest, WhatAnotherHoldsIsRunAgainOnlyWhenItsLeaseHasRunOut) {
  options_.owns_store = false;
  options_.reconcile_every = std::chrono::milliseconds(10);
  backend_.script = [](const model::Job&) { return completed("6"); };
  const model::RunId held = submit();
  await([&]() -> awaitable<void> { co_await claim_for("other", held, std::chrono::hours(1)); });
  with_dispatcher([&](Dispatcher&) -> awaitable<void> {
    // A round of the reconciler goes by, which this run shows.
    const model::RunId shown = co_await accept();
    co_await run_when(shown, ended);
    EXPECT_EQ(backend_.runs, std::vector{shown});
    clock_->advance(std::chrono::hours(2));
    const model::Run run = co_await run_when(held, ended);
    EXPECT_EQ(run.status, RunStatus::completed);
    EXPECT_EQ(run.attempt, 2);
  });
  EXPECT_EQ(backend_.attempts, (std::vector<int>{1, 2}));
}

TEST_F(DispatcherTest, WhatRunsHereIsNotRunAgainWhenItsLeaseHasRunOut) {
  options_.lease = std::chrono::hours(1);  // no heartbeat in this test
  options_.reconcile_every = std::chrono::milliseconds(10);
  backend_.hold = true;
  backend_.on_hold = [this] { backend_.hold = false; };  // the first attempt only
  backend_.script = [](const model::Job&) { return completed("7"); };
  with_dispatcher([&](Dispatcher&) -> awaitable<void> {
    const model::RunId id = co_await accept();
    co_await run_when(id,
                      [](const feed::Channel::State& s) { return s.status == RunStatus::running; });
    clock_->advance(std::chrono::hours(2));
    for (int round = 0; round < 3; ++round) {
      const model::RunId shown = co_await accept();
      co_await run_when(shown, ended);
    }
    auto run = co_await store_->get_run("u", id);
    EXPECT_EQ(run->status, RunStatus::running);
    EXPECT_EQ(run->attempt, 1);
  });
  EXPECT_EQ(backend_.attempts, (std::vector<int>{1, 1, 1, 1}));
}

TEST_F(DispatcherTest, ThePauseBeforeARetryIsDrawnFromARangeThatDoublesUpToItsBound) {
  using std::chrono::minutes;
  options_.max_attempts = 6;
  options_.backoff = minutes(60);
  options_.backoff_max = minutes(360);
  options_.reconcile_every = std::chrono::hours(1);
  const std::vector<minutes> longest = {minutes(60), minutes(120), minutes(240), minutes(360),
                                        minutes(360)};
  backend_.script = [](const model::Job&) { return failed(OutcomeCode::worker_lost); };
  std::set<std::chrono::microseconds> first_pauses;
  for (int n = 0; n < 8; ++n) {
    std::vector<std::chrono::microseconds> pauses;
    on_push_ = [&](std::chrono::microseconds pause) {
      if (pause <= minutes(1)) return pause;  // the first attempt, which waits for nothing
      pauses.push_back(pause);
      clock_->advance(pause);
      return std::chrono::microseconds(0);
    };
    EXPECT_EQ(run_to_end(submit()).attempt, 6);
    ASSERT_EQ(pauses.size(), longest.size());
    for (std::size_t k = 0; k < pauses.size(); ++k) {
      EXPECT_LE(pauses[k], longest[k]);
      EXPECT_GE(pauses[k], longest[k] / 2 - minutes(1));  // less the time until the push
    }
    first_pauses.insert(std::chrono::round<minutes>(pauses[0]));
  }
  EXPECT_GT(first_pauses.size(), 1u);  // eight alike in thirty: never
}

}  // namespace
}  // namespace mecapy::dispatcher
