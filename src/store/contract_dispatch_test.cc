// The contract of every store: claims, leases, ends, retries.
#include "store/store_contract.h"

namespace mecapy::store {
namespace {

using model::OutcomeCode;
using model::RunStatus;
using std::chrono::microseconds;
using std::chrono::seconds;

Requeue requeue_of(const Lease& lease, microseconds pause = {}) {
  return {lease, {OutcomeCode::worker_lost, "the worker died", "", 3, 4}, pause};
}

TEST_P(StoreContract, Claim_GivesTheJobAndStartsTheRun) {
  model::Task task = task_of("ann");
  task.version.limits.timeout_s = 12.5;
  create(task);
  const model::Run run = submit(task);
  advance(seconds(2));
  const auto job = await(store_->claim(run.id, "serve-1", seconds(30)));
  ASSERT_TRUE(job);
  ASSERT_TRUE(*job);
  EXPECT_EQ((*job)->run_id, run.id);
  EXPECT_EQ((*job)->task_id, task.id);
  EXPECT_EQ((*job)->user, "ann");
  EXPECT_EQ((*job)->attempt, 1);
  EXPECT_EQ((*job)->code, task.version.code);
  EXPECT_EQ((*job)->inputs.inline_bytes, "{}");
  EXPECT_EQ((*job)->limits, task.version.limits);
  EXPECT_EQ((*job)->waited, seconds(2));
  const model::Run got = get(run.id);
  EXPECT_EQ(got.status, RunStatus::running);
  EXPECT_EQ(got.attempt, 1);
  EXPECT_EQ(got.started_at, now());
}

TEST_P(StoreContract, ConcurrentClaims_GiveTheRunToOne) {
  const model::Run run = submit(create(task_of("ann")));
  std::vector<awaitable<Result<std::optional<model::Job>>>> calls;
  for (int i = 0; i < 8; ++i) {
    calls.push_back(store_->claim(run.id, "serve-" + std::to_string(i), seconds(30)));
  }
  int claimed = 0;
  for (const auto& job : await_all(std::move(calls))) claimed += job->has_value() ? 1 : 0;
  EXPECT_EQ(claimed, 1);
  EXPECT_EQ(get(run.id).attempt, 1);
}

TEST_P(StoreContract, ClaimOfWhatIsNotQueued_GivesNothing) {
  const Lease lease = running();
  EXPECT_FALSE(await(store_->claim(lease.run_id, "serve-2", seconds(30)))->has_value());
  ASSERT_TRUE(*await(store_->record_end(lease, completed("1"))));
  EXPECT_FALSE(await(store_->claim(lease.run_id, "serve-2", seconds(30)))->has_value());
  EXPECT_FALSE(await(store_->claim(model::RunId::make(), "serve-2", seconds(30)))->has_value());
}

TEST_P(StoreContract, RecordedEnd_IsReadBackWhole) {
  const Lease lease = running();
  advance(seconds(3));
  model::RunEnd end = completed(R"({"x":1.0E2 })");
  end.usage = {1, 2, 3'000'000'000, 4, 5, 6, 7, 8};
  end.log = {.inline_bytes = "", .key = "logs/x.txt"};
  end.log_truncated = true;
  end.artifacts = {{"b/plot.png", 5'000'000'000, "image/png", "aa", "artifacts/x/b/plot.png"},
                   {"a.csv", 0, "text/csv", "bb", "artifacts/x/a.csv"}};
  EXPECT_TRUE(*await(store_->record_end(lease, end)));
  const model::Run run = get(lease.run_id);
  EXPECT_EQ(run.status, RunStatus::completed);
  EXPECT_EQ(run.end.status, RunStatus::completed);
  EXPECT_EQ(run.finished_at, now());
  EXPECT_EQ(run.end.result.inline_bytes, R"({"x":1.0E2 })");
  EXPECT_FALSE(run.end.failure);
  EXPECT_EQ(run.end.usage.wall_us, 1);
  EXPECT_EQ(run.end.usage.cpu_us, 2);
  EXPECT_EQ(run.end.usage.peak_memory_bytes, 3'000'000'000);
  EXPECT_EQ(run.end.usage.setup_us, 4);
  EXPECT_EQ(run.end.usage.log_bytes, 5);
  EXPECT_EQ(run.end.usage.result_bytes, 6);
  EXPECT_EQ(run.end.usage.artifact_bytes, 7);
  EXPECT_EQ(run.end.usage.written_bytes, 8);
  EXPECT_EQ(run.end.log.key, "logs/x.txt");
  EXPECT_TRUE(run.end.log_truncated);
  ASSERT_EQ(run.end.artifacts.size(), 2U);
  EXPECT_EQ(run.end.artifacts[0].name, "b/plot.png");
  EXPECT_EQ(run.end.artifacts[0].size, 5'000'000'000);
  EXPECT_EQ(run.end.artifacts[0].content_type, "image/png");
  EXPECT_EQ(run.end.artifacts[0].sha256, "aa");
  EXPECT_EQ(run.end.artifacts[0].key, "artifacts/x/b/plot.png");
  EXPECT_EQ(run.end.artifacts[1].name, "a.csv");
}

TEST_P(StoreContract, RecordedFailure_IsReadBackWhole) {
  const Lease lease = running();
  model::RunEnd end = failed(OutcomeCode::user_error);
  end.failure = model::Failure{OutcomeCode::user_error, "division by zero", "line 2", 2, 5};
  end.result.inline_bytes = "a failed run has no result";
  EXPECT_TRUE(*await(store_->record_end(lease, end)));
  const model::Run run = get(lease.run_id);
  EXPECT_EQ(run.status, RunStatus::failed);
  ASSERT_TRUE(run.end.failure);
  EXPECT_EQ(run.end.failure->code, OutcomeCode::user_error);
  EXPECT_EQ(run.end.failure->message, "division by zero");
  EXPECT_EQ(run.end.failure->traceback, "line 2");
  EXPECT_EQ(run.end.failure->line, 2);
  EXPECT_EQ(run.end.failure->column, 5);
  EXPECT_EQ(run.end.result.inline_bytes, "");
}

TEST_P(StoreContract, FailureWithoutAPlace_HasNone) {
  const Lease lease = running();
  EXPECT_TRUE(*await(store_->record_end(lease, failed(OutcomeCode::timeout))));
  EXPECT_FALSE(get(lease.run_id).end.failure->line);
  EXPECT_FALSE(get(lease.run_id).end.failure->column);
}

TEST_P(StoreContract, ZeroCharacters_AreReplacedNotTheEndOfTheText) {
  const std::string with_zero("a\0b\0", 4);
  const std::string replaced =
      "a\xef\xbf\xbd"
      "b\xef\xbf\xbd";
  const Lease lease = running();
  model::RunEnd end = failed(model::OutcomeCode::user_error);
  end.failure->message = with_zero;
  end.failure->traceback = with_zero;
  end.log.inline_bytes = with_zero;
  EXPECT_TRUE(*await(store_->record_end(lease, end)));
  const model::Run run = get(lease.run_id);
  EXPECT_EQ(run.end.failure->message, replaced);
  EXPECT_EQ(run.end.failure->traceback, replaced);
  EXPECT_EQ(run.end.log.inline_bytes, replaced);
}

// A run that goes back into the queue at that moment is cancelled, too.
TEST_P(StoreContract, CancelsAmongRequeues_AlwaysEndTheRun) {
  for (int round = 0; round < 20; ++round) {
    const Lease lease = running();
    const Requeue back{lease, {model::OutcomeCode::worker_lost, "gone"}, {}};
    std::optional<Result<std::optional<RunStatus>>> requeued;
    std::optional<Result<model::Run>> cancelled;
    std::vector<awaitable<bool>> calls;
    const auto requeue = [&]() -> awaitable<bool> {
      requeued = co_await store_->requeue(back);
      co_return true;
    };
    const auto cancel = [&]() -> awaitable<bool> {
      cancelled = co_await store_->request_cancel("ann", lease.run_id);
      co_return true;
    };
    calls.push_back(requeue());
    calls.push_back(cancel());
    await_all(std::move(calls));
    ASSERT_TRUE(*cancelled) << cancelled->error().message;
    ASSERT_TRUE(*requeued);
    EXPECT_EQ(get(lease.run_id).status, RunStatus::cancelled) << round;
  }
}

TEST_P(StoreContract, EveryOutcomeCode_IsKept) {
  for (const model::OutcomeRow& outcome : model::outcome_table()) {
    const Lease lease = running();
    EXPECT_TRUE(*await(store_->record_end(lease, failed(outcome.code))));
    EXPECT_EQ(get(lease.run_id).end.failure->code, outcome.code);
  }
}

TEST_P(StoreContract, RacingEnds_RecordOne) {
  const Lease lease = running();
  std::vector<awaitable<Result<bool>>> calls;
  for (int i = 0; i < 8; ++i) {
    calls.push_back(store_->record_end(lease, completed(std::to_string(i))));
  }
  int recorded = 0;
  std::string winner;
  const auto answers = await_all(std::move(calls));
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!*answers[i]) continue;
    ++recorded;
    winner = std::to_string(i);
  }
  EXPECT_EQ(recorded, 1);
  EXPECT_EQ(get(lease.run_id).end.result.inline_bytes, winner);
}

TEST_P(StoreContract, EndOfAStaleAttempt_WritesNothing) {
  const Lease first = running();
  ASSERT_TRUE(*await(store_->requeue(requeue_of(first))));
  model::RunEnd late = completed("late");
  late.artifacts = {{"late.txt", 1, "text/plain", "00", "k"}};
  EXPECT_FALSE(*await(store_->record_end(first, late)));  // queued
  const model::Job job = claim(first.run_id);
  EXPECT_EQ(job.attempt, 2);
  EXPECT_FALSE(*await(store_->record_end(first, late)));  // another attempt's
  EXPECT_FALSE(*await(store_->record_end({first.run_id, 3}, late)));
  EXPECT_EQ(get(first.run_id).status, RunStatus::running);
  EXPECT_TRUE(*await(store_->record_end({first.run_id, 2}, completed("right"))));
  EXPECT_FALSE(*await(store_->record_end(first, late)));  // ended
  EXPECT_EQ(get(first.run_id).end.result.inline_bytes, "right");
  EXPECT_TRUE(get(first.run_id).end.artifacts.empty());
}

TEST_P(StoreContract, EndOfAnUnknownRun_IsFalse) {
  EXPECT_FALSE(*await(store_->record_end({model::RunId::make(), 1}, completed("1"))));
}

TEST_P(StoreContract, EndThatIsNoEnd_IsRefused) {
  const Lease lease = running();
  model::RunEnd end;
  end.status = RunStatus::running;
  EXPECT_EQ(await(store_->record_end(lease, end)).error().code, ErrorCode::internal);
}

TEST_P(StoreContract, RequeuedRun_ShowsItsFailureAndKeepsItsStart) {
  const Lease lease = running();
  const base::TimePoint started = now();
  advance(seconds(5));
  EXPECT_EQ(*await(store_->requeue(requeue_of(lease))), RunStatus::queued);
  const model::Run queued = get(lease.run_id);
  EXPECT_EQ(queued.status, RunStatus::queued);
  EXPECT_EQ(queued.attempt, 1);
  EXPECT_EQ(queued.started_at, started);
  EXPECT_FALSE(queued.finished_at);
  ASSERT_TRUE(queued.end.failure);
  EXPECT_EQ(queued.end.failure->code, OutcomeCode::worker_lost);
  EXPECT_EQ(queued.end.failure->message, "the worker died");
  EXPECT_EQ(queued.end.failure->line, 3);
  EXPECT_EQ(claim(lease.run_id).attempt, 2);
  EXPECT_EQ(get(lease.run_id).started_at, started);
  EXPECT_TRUE(*await(store_->record_end({lease.run_id, 2}, completed("1"))));
  EXPECT_FALSE(get(lease.run_id).end.failure);
}

TEST_P(StoreContract, Backoff_IsHonouredByClaim) {
  const Lease lease = running();
  ASSERT_TRUE(*await(store_->requeue(requeue_of(lease, seconds(10)))));
  EXPECT_FALSE(await(store_->claim(lease.run_id, "serve-1", seconds(30)))->has_value());
  advance(seconds(10) - microseconds(1));
  EXPECT_FALSE(await(store_->claim(lease.run_id, "serve-1", seconds(30)))->has_value());
  advance(microseconds(1));
  EXPECT_EQ(claim(lease.run_id).attempt, 2);
}

TEST_P(StoreContract, Connections_AreCountedOnce) {
  running();
  const Connections now = store_->connections();
  EXPECT_GE(now.busy + now.idle + now.absent, 1u);
  EXPECT_EQ(now.waiting, 0u);
}

TEST_P(StoreContract, RequeueByWhoIsNotTheHolder_IsFalse) {
  const Lease lease = running();
  EXPECT_FALSE(*await(store_->requeue(requeue_of({lease.run_id, 2}))));
  ASSERT_TRUE(*await(store_->requeue(requeue_of(lease))));
  EXPECT_FALSE(*await(store_->requeue(requeue_of(lease, seconds(99)))));
  EXPECT_EQ(claim(lease.run_id).attempt, 2);
}

TEST_P(StoreContract, RequeueOfARunWhoseCancelWasAskedFor_CancelsIt) {
  const Lease lease = running();
  ASSERT_TRUE(await(store_->request_cancel("ann", lease.run_id)));
  EXPECT_EQ(*await(store_->requeue(requeue_of(lease))), RunStatus::cancelled);
  const model::Run run = get(lease.run_id);
  EXPECT_EQ(run.status, RunStatus::cancelled);
  EXPECT_EQ(run.finished_at, now());
  EXPECT_FALSE(run.end.failure);
}

TEST_P(StoreContract, EndCancelled_EndsWhatTheHolderWasAskedToCancelAndNothingElse) {
  const Lease lease = running();
  EXPECT_FALSE(*await(store_->end_cancelled(lease)));  // nobody asked
  EXPECT_EQ(get(lease.run_id).status, RunStatus::running);
  ASSERT_TRUE(await(store_->request_cancel("ann", lease.run_id)));
  EXPECT_FALSE(*await(store_->end_cancelled({lease.run_id, 2})));  // not the holder
  EXPECT_EQ(get(lease.run_id).status, RunStatus::running);
  EXPECT_TRUE(*await(store_->end_cancelled(lease)));
  EXPECT_EQ(get(lease.run_id).status, RunStatus::cancelled);
  EXPECT_EQ(get(lease.run_id).finished_at, now());
  EXPECT_FALSE(*await(store_->end_cancelled(lease)));  // it has ended
}

TEST_P(StoreContract, CancelOfARequeuedRun_ForgetsItsFailure) {
  const Lease lease = running();
  ASSERT_TRUE(*await(store_->requeue(requeue_of(lease))));
  const auto cancelled = await(store_->request_cancel("ann", lease.run_id));
  EXPECT_EQ(cancelled->status, RunStatus::cancelled);
  EXPECT_FALSE(cancelled->end.failure);
}

TEST_P(StoreContract, ExtendedLease_IsNotDead) {
  const Lease lease = running();
  advance(seconds(29));
  const auto report = await(store_->extend_leases("serve-1", {lease}, seconds(30)));
  EXPECT_TRUE(report->lost.empty());
  advance(seconds(29));
  EXPECT_TRUE(await(store_->dead_leases(std::nullopt, 10))->empty());
  advance(seconds(1));
  const auto dead = await(store_->dead_leases(std::nullopt, 10));
  ASSERT_EQ(dead->size(), 1U);
  EXPECT_EQ(dead->front().run_id, lease.run_id);
  EXPECT_EQ(dead->front().attempt, 1);
}

TEST_P(StoreContract, LeasesNoLongerHeld_AreLost) {
  const Lease held = running();
  const Lease requeued = running();
  const Lease ended = running();
  const Lease unknown = {model::RunId::make(), 1};
  const Lease other_attempt = {held.run_id, 2};
  ASSERT_TRUE(*await(store_->requeue(requeue_of(requeued))));
  ASSERT_TRUE(*await(store_->record_end(ended, completed("1"))));
  const auto report = await(store_->extend_leases(
      "serve-1", {held, requeued, ended, unknown, other_attempt}, seconds(60)));
  EXPECT_EQ(report->lost,
            (std::vector{requeued.run_id, ended.run_id, unknown.run_id, other_attempt.run_id}));
  const auto foreign = await(store_->extend_leases("serve-2", {held}, seconds(60)));
  EXPECT_EQ(foreign->lost, std::vector{held.run_id});
}

TEST_P(StoreContract, DeadLeases_OfOtherClaimantsOnRequest) {
  const model::Task task = create(task_of("ann"));
  const model::Run mine = submit(task);
  const model::Run theirs = submit(task);
  submit(task);  // queued: not a lease
  claim(mine.id, "serve-new");
  claim(theirs.id, "serve-old");
  EXPECT_TRUE(await(store_->dead_leases(std::nullopt, 10))->empty());
  const auto dead = await(store_->dead_leases("serve-new", 10));
  ASSERT_EQ(dead->size(), 1U);
  EXPECT_EQ(dead->front().run_id, theirs.id);
  advance(seconds(31));
  EXPECT_EQ(await(store_->dead_leases("serve-new", 10))->size(), 2U);
  EXPECT_EQ(await(store_->dead_leases("serve-new", 1))->size(), 1U);
}

TEST_P(StoreContract, QueuedRuns_ComeInTheOrderOfAcceptanceInPages) {
  const model::Task task = create(task_of("ann"));
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(submit(task).id.str());
  claim(submit(task).id);
  std::vector<std::string> seen;
  std::string after;
  while (true) {
    const auto page = await(store_->queued_runs(after, 2));
    if (page->empty()) break;
    for (const QueuedRun& run : *page) seen.push_back(run.run_id.str());
    after = seen.back();
  }
  EXPECT_EQ(seen, ids);
}

TEST_P(StoreContract, QueuedRuns_TellTheirBackoff) {
  const Lease lease = running();
  ASSERT_TRUE(*await(store_->requeue(requeue_of(lease, seconds(7)))));
  const auto queued = await(store_->queued_runs("", 10));
  ASSERT_EQ(queued->size(), 1U);
  EXPECT_EQ(queued->front().pause, seconds(7));
}

}  // namespace
}  // namespace mecapy::store
