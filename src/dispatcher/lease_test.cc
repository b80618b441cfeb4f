// Leases: what a process that died, was stopped, or stood still leaves to another one.
#include "dispatcher/test_dispatcher.h"

namespace mecapy::dispatcher {
namespace {

class LeaseTest : public DispatcherTest {};

TEST_F(LeaseTest, WhatADeadProcessHeldIsReportedWithoutABackend) {
  const model::RunId id = submit();
  await([&]() -> awaitable<void> { co_await claim_for("dead", id, std::chrono::hours(1)); });
  options_.retry.max_attempts = 1;
  with_dispatcher([](Dispatcher&) -> awaitable<void> { co_return; });
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_EQ(reports_[0].backend, "");
  EXPECT_TRUE(reports_[0].given_up);
  EXPECT_FALSE(reports_[0].times.total);
}

TEST_F(LeaseTest, WhatADeadProcessHeldIsRunAgain) {
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

TEST_F(LeaseTest, ARunThatKillsItsProcessEachTimeIsDeadLettered) {
  const model::RunId id = submit();
  options_.retry.max_attempts = 1;
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

TEST_F(LeaseTest, ARunOfADeadProcessWhoseCancelWasAskedForIsCancelledAlsoAfterItsLastAttempt) {
  for (const int max_attempts : {3, 1}) {
    options_.retry.max_attempts = max_attempts;
    const model::RunId id = submit();
    await([&]() -> awaitable<void> {
      co_await claim_for("dead", id, std::chrono::hours(1));
      auto asked = co_await store_->request_cancel("u", id);
      EXPECT_TRUE(asked);
    });
    const auto channel = feed_.open(id);
    const model::Run run = run_to_end(id);
    EXPECT_EQ(run.status, RunStatus::cancelled);
    EXPECT_FALSE(run.end.failure);
    EXPECT_EQ(channel->state().status, RunStatus::cancelled);
    EXPECT_EQ(channel->state().attempt, 1);
    EXPECT_EQ(reports_.back().status, RunStatus::cancelled);
    EXPECT_FALSE(reports_.back().code || reports_.back().given_up);
  }
  EXPECT_TRUE(backend_.attempts.empty());
}

TEST_F(LeaseTest, ADrainPutsBackWhatDoesNotEndInTime) {
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

TEST_F(LeaseTest, AnAttemptWhoseLeaseWasTakenRecordsNothing) {
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

// No heartbeat has told it meanwhile.
TEST_F(LeaseTest, AnAttemptThatWasTakenAndCameBackAsTheNextOneMakesRoomForIt) {
  options_.lease = std::chrono::hours(1);
  options_.reconcile_every = std::chrono::milliseconds(10);
  backend_.hold = true;
  backend_.script = [](const model::Job&) { return completed("8"); };
  with_dispatcher([&](Dispatcher& dispatcher) -> awaitable<void> {
    const model::RunId id = co_await accept();
    const auto channel = feed_.open(id);
    co_await run_when(id,
                      [](const feed::Channel::State& s) { return s.status == RunStatus::running; });
    store::Requeue request{{id, 1}, {OutcomeCode::worker_lost, "", "", {}, {}}, {}};
    auto taken = co_await store_->requeue(std::move(request));
    EXPECT_TRUE(taken && *taken);
    co_await run_when(id, [this](const feed::Channel::State&) { return reports_.size() == 1; });
    EXPECT_EQ(reports_.size(), 1U);
    for (const AttemptReport& report : reports_) {
      EXPECT_EQ(report.attempt, 1);
      EXPECT_EQ(report.became, Became::lost);
    }
    EXPECT_EQ(dispatcher.running(), 1U);
    EXPECT_EQ(channel->state().attempt, 2);
    EXPECT_TRUE(channel->state().here);
    dispatcher.cancel(id);
    const model::Run run = co_await run_when(id, ended);
    EXPECT_EQ(run.status, RunStatus::cancelled);
    EXPECT_EQ(run.attempt, 2);
  });
}

TEST_F(LeaseTest, WhatAnotherHoldsIsRunAgainOnlyWhenItsLeaseHasRunOut) {
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

TEST_F(LeaseTest, WhatRunsHereIsNotRunAgainWhenItsLeaseHasRunOut) {
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

}  // namespace
}  // namespace mecapy::dispatcher
