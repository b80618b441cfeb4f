// What becomes of a run on its way through the dispatcher.
#include "dispatcher/dispatcher.h"

#include <set>

#include "dispatcher/test_dispatcher.h"

namespace mecapy::dispatcher {
namespace {

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

TEST_F(DispatcherTest, AnEndThatCanBeRead_IsSaidBeforeItIsTold) {
  const model::RunId id = submit();
  backend_.script = [](const model::Job&) { return completed("1"); };
  run_to_end(id);
  ASSERT_EQ(written_.size(), 1u);
  EXPECT_EQ(written_[0], std::pair(id, RunStatus::running));
}

TEST_F(DispatcherTest, TheLastAttemptThePlatformFailsIsReportedAsGivenUp) {
  const model::RunId id = submit();
  options_.retry.max_attempts = 1;
  backend_.script = [](const model::Job&) { return failed(OutcomeCode::internal); };
  run_to_end(id);
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_TRUE(reports_[0].given_up);
  EXPECT_EQ(reports_[0].became, Became::recorded);
  EXPECT_EQ(reports_[0].code, OutcomeCode::internal);
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

// Also when the attempt ends with the same breath.
TEST_F(DispatcherTest, WhatAnAttemptSavedIsGivenToTheNextAndNothingElseStays) {
  const model::RunId id = submit();
  const std::string folder = "checkpoints/" + id.str();
  backend_.saves = {1, 2, 3};
  backend_.script = [](const model::Job& job) {
    return job.attempt < 2 ? failed(OutcomeCode::worker_lost) : completed("2");
  };
  const model::Run run = run_to_end(id);
  EXPECT_EQ(run.resumed_from, 1);
  EXPECT_EQ(backend_.begun_with, (std::vector<std::int64_t>{0, 3}));
  EXPECT_EQ(forgotten_,
            (std::vector<std::string>{folder + "/1", folder + "/2", folder + "/3", folder + ".2/1",
                                      folder + ".2/2", folder + ".2/3"}));
}

TEST_F(DispatcherTest, AnAttemptThatCannotUseItsCheckpointBeginsAnew) {
  const model::RunId id = submit();
  backend_.saves = {1};
  backend_.script = [this](const model::Job& job) {
    backend_.saves.clear();
    backend_.cannot_use = true;
    return job.attempt < 2 ? failed(OutcomeCode::worker_lost) : completed("2");
  };
  const model::Run run = run_to_end(id);
  EXPECT_EQ(run.resumed_from, 0);
  EXPECT_FALSE(run.checkpoint);
  EXPECT_EQ(backend_.begun_with, (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(forgotten_, std::vector<std::string>{"checkpoints/" + id.str() + "/1"});
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

// Who can write to the feed's channel can tell watchers anything.
TEST_F(DispatcherTest, WhatOthersSayOfARunsLogIsNotRecorded) {
  for (const std::string said : {"", "own\n"}) {
    backend_.says = said;
    backend_.script = [this](const model::Job& job) {
      const auto channel = feed_.find(job.run_id);
      channel->hear_log(1, channel->state().log.size(), "forged");
      channel->hear_status(RunStatus::running, 2);
      channel->hear_log(2, 0, "forged");
      EXPECT_EQ(channel->state().log, "forged");
      return completed("1");
    };
    const model::Run run = run_to_end(submit());
    EXPECT_EQ(run.status, RunStatus::completed);
    EXPECT_EQ(run.end.log.inline_bytes, said);
    EXPECT_EQ(run.end.usage.log_bytes, static_cast<std::int64_t>(said.size()));
  }
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

TEST_F(DispatcherTest, ThePauseBeforeARetryIsDrawnFromARangeThatDoublesUpToItsBound) {
  using std::chrono::minutes;
  options_.retry.max_attempts = 6;
  options_.retry.backoff = minutes(60);
  options_.retry.backoff_max = minutes(360);
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
