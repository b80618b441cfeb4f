// What attempts save for those after them.
#include "store/store_contract.h"

namespace mecapy::store {
namespace {

using model::RunStatus;

model::Checkpoint checkpoint(std::int64_t number, std::int64_t size = 10) {
  model::Checkpoint one;
  one.number = number;
  one.size = size;
  one.sha256 = std::string(64, 'a');
  return one;
}

// The object that nobody needs any more; "" for none.
std::string keep(Store& store, const Lease& lease, std::int64_t number, std::int64_t size = 10) {
  auto done = await(store.keep_checkpoint(lease, checkpoint(number, size)));
  EXPECT_TRUE(done) << done.error().message;
  return done && *done ? **done : "";
}

std::string drop(Store& store, const Lease& lease) {
  auto done = await(store.drop_checkpoint(lease));
  EXPECT_TRUE(done) << done.error().message;
  return done && *done ? **done : "";
}

void put_back(Store& store, const Lease& lease) {
  Requeue request{lease, {model::OutcomeCode::worker_lost, "died", "", {}, {}}, {}};
  const auto done = await(store.requeue(std::move(request)));
  EXPECT_TRUE(done && *done == RunStatus::queued);
}

TEST_P(StoreContract, ACheckpoint_IsGivenToTheNextAttemptAndTheRunSaysSo) {
  const Lease first = running();
  const std::string id = first.run_id.str();
  EXPECT_EQ(keep(*store_, first, 1), "");
  EXPECT_EQ(keep(*store_, first, 2, 20), "checkpoints/" + id + "/1");
  const model::Run now = get(first.run_id);
  ASSERT_TRUE(now.checkpoint);
  EXPECT_EQ(now.checkpoint->attempt, 1);
  EXPECT_EQ(now.checkpoint->size, 20);
  EXPECT_GE(now.checkpoint->saved_at, now.queued_at);
  EXPECT_EQ(now.resumed_from, 0);
  put_back(*store_, first);
  const model::Job job = claim(first.run_id);
  ASSERT_TRUE(job.checkpoint);
  EXPECT_EQ(job.checkpoint->attempt, 1);
  EXPECT_EQ(job.checkpoint->number, 2);
  EXPECT_EQ(job.checkpoint->size, 20);
  EXPECT_EQ(job.checkpoint->sha256, std::string(64, 'a'));
  EXPECT_EQ(get(first.run_id).resumed_from, 1);
  EXPECT_EQ(keep(*store_, Lease{first.run_id, 2}, 1), "checkpoints/" + id + "/2");
  EXPECT_EQ(get(first.run_id).checkpoint->attempt, 2);
}

TEST_P(StoreContract, ACheckpointToldAgainOrLate_ChangesNothingAndTakesNothingAway) {
  const Lease lease = running();
  const std::string id = lease.run_id.str();
  EXPECT_EQ(keep(*store_, lease, 2), "");
  EXPECT_EQ(keep(*store_, lease, 2), "");
  EXPECT_EQ(keep(*store_, lease, 1), "checkpoints/" + id + "/1") << "nobody needs the older one";
  EXPECT_EQ(get(lease.run_id).checkpoint->number, 2);
}

TEST_P(StoreContract, ACheckpointOfAnAttemptThatIsOver_IsRefused) {
  const Lease first = running();
  const std::string id = first.run_id.str();
  keep(*store_, first, 1);
  put_back(*store_, first);
  EXPECT_EQ(keep(*store_, first, 2), "checkpoints/" + id + "/2") << "while it waits";
  claim(first.run_id);
  EXPECT_EQ(keep(*store_, first, 3), "checkpoints/" + id + "/3") << "while the next attempt has it";
  EXPECT_EQ(drop(*store_, first), "");
  EXPECT_EQ(get(first.run_id).checkpoint->number, 1);
  const Lease second{first.run_id, 2};
  model::RunEnd end;
  end.status = RunStatus::completed;
  ASSERT_TRUE(await(store_->record_end(second, end)));
  EXPECT_EQ(keep(*store_, second, 1), "checkpoints/" + id + ".2/1") << "after the end";
}

TEST_P(StoreContract, ACheckpointThatCannotBeUsed_IsForgottenAndTheRunBeginsAnew) {
  const Lease first = running();
  keep(*store_, first, 1);
  put_back(*store_, first);
  claim(first.run_id);
  const Lease second{first.run_id, 2};
  EXPECT_EQ(drop(*store_, second), "checkpoints/" + first.run_id.str() + "/1");
  EXPECT_FALSE(get(first.run_id).checkpoint);
  EXPECT_EQ(get(first.run_id).resumed_from, 0);
}

// It may have begun in another Python environment than the one it ended in.
TEST_P(StoreContract, ARunThatWasTakenUpFromACheckpoint_AnswersNoOther) {
  model::Run run = run_of(create(task_of("ann")));
  run.cache_key = "key";
  ASSERT_TRUE(await(store_->submit_run(run, std::nullopt)));
  claim(run.id);
  const Lease first{run.id, 1};
  keep(*store_, first, 1);
  put_back(*store_, first);
  claim(run.id);
  const Lease second{run.id, 2};
  model::RunEnd end;
  end.status = RunStatus::completed;
  end.environment = "e";
  ASSERT_TRUE(await(store_->record_end(second, end)));
  EXPECT_EQ(get(run.id).resumed_from, 1);
  EXPECT_FALSE(cached("ann", "key", "e"));
  ended_run("key", end);
  EXPECT_TRUE(cached("ann", "key", "e"));
}

}  // namespace
}  // namespace mecapy::store
