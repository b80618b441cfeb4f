// The contract of every store: runs that answer others.
#include "store/store_contract.h"

namespace mecapy::store {
namespace {

using model::RunStatus;
using std::chrono::seconds;

model::RunEnd end_in(const std::string& environment) {
  model::RunEnd end;
  end.status = RunStatus::completed;
  end.result.inline_bytes = R"({"stress":100})";
  end.log.key = "logs/x.txt";
  end.log_truncated = true;
  end.usage.cpu_us = 5;
  end.environment = environment;
  end.artifacts = {{"plot.png", 3, "image/png", std::string(64, 'a'), "artifacts/x/plot.png"}};
  return end;
}

TEST_P(StoreContract, ACompletedRun_AnswersWhatAsksForTheSame) {
  const model::Run run = ended_run("key", end_in("3.11-a"));
  const auto found = cached("ann", "key", "3.11-a");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, run.id);
  EXPECT_EQ(found->end.environment, "3.11-a");
  EXPECT_EQ(found->end.result.inline_bytes, R"({"stress":100})");
  EXPECT_EQ(found->end.artifacts.size(), 1);
  EXPECT_FALSE(cached("bob", "key", "3.11-a"));
  EXPECT_FALSE(cached("ann", "other", "3.11-a"));
  EXPECT_FALSE(cached("ann", "key", "3.11-b"));
}

TEST_P(StoreContract, TheLatestAnswers_AndNoneThatIsTooOld) {
  ended_run("key", end_in("e"));
  advance(seconds(10));
  const model::Run later = ended_run("key", end_in("e"));
  EXPECT_EQ(cached("ann", "key", "e")->id, later.id);
  EXPECT_EQ(cached("ann", "key", "e", seconds(0))->id, later.id);
  advance(seconds(1));
  EXPECT_EQ(cached("ann", "key", "e", seconds(1))->id, later.id);
  EXPECT_FALSE(cached("ann", "key", "e", seconds(0)));
}

TEST_P(StoreContract, WhatDidNotCompleteOrAskedForNoCache_AnswersNobody) {
  ended_run("key", model::failed_end(model::OutcomeCode::user_error, "no"));
  EXPECT_FALSE(cached("ann", "key", ""));
  ended_run("", end_in("e"));
  EXPECT_FALSE(cached("ann", "", "e"));
  model::Run queued = run_of(create(task_of("ann")));
  queued.cache_key = "key";
  ASSERT_TRUE(await(store_->submit_run(queued, std::nullopt)));
  EXPECT_FALSE(cached("ann", "key", ""));
}

TEST_P(StoreContract, ARunAnsweredByAnother_HasEndedAtOnceAndSaysByWhich) {
  const model::Run origin = ended_run("key", end_in("e"));
  model::Run run = run_of(create(task_of("ann")));
  run.cache_key = "key";
  run.cached_from = origin.id;
  run.end = end_in("e");
  advance(seconds(1));
  const auto made = await(store_->submit_run(run, key_of("k", "h")));
  ASSERT_TRUE(made);
  for (const model::Run& got : {made->value, get(run.id)}) {
    EXPECT_EQ(got.status, RunStatus::completed);
    EXPECT_EQ(got.attempt, 0);
    EXPECT_EQ(got.cached_from, origin.id);
    EXPECT_EQ(got.end.result.inline_bytes, R"({"stress":100})");
    EXPECT_EQ(got.end.log.key, "logs/x.txt");
    EXPECT_TRUE(got.end.log_truncated);
    EXPECT_EQ(got.end.environment, "e");
    EXPECT_EQ(got.end.artifacts.size(), 1);
    EXPECT_EQ(got.finished_at, now());
    EXPECT_FALSE(got.started_at);
  }
  // It is nobody's to claim, and answers no other run itself.
  EXPECT_FALSE(await(store_->claim(run.id, "me", seconds(30))).value());
  EXPECT_EQ(cached("ann", "key", "e")->id, origin.id);
  EXPECT_EQ(await(store_->run_made_by("ann", {"k", "h"})).value()->cached_from, origin.id);
}

TEST_P(StoreContract, ATaskKeepsWhetherItAsks) {
  model::Task task = task_of("ann");
  task.cache_ttl_s = 60.5;
  task = create(task);
  EXPECT_EQ(await(store_->get_task("ann", task.id, std::nullopt))->cache_ttl_s, 60.5);
  TaskChange change;
  change.cache_ttl_s.emplace(std::nullopt);
  const auto changed = await(store_->update_task("ann", task.id, change));
  EXPECT_EQ(changed->cache_ttl_s, std::nullopt);
  EXPECT_EQ(changed->version.number, 1);
  change.cache_ttl_s.emplace(7);
  EXPECT_EQ(await(store_->update_task("ann", task.id, change))->cache_ttl_s, 7);
  EXPECT_EQ(await(store_->get_task("ann", task.id, std::nullopt))->cache_ttl_s, 7);
}

}  // namespace
}  // namespace mecapy::store
