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
    EXPECT_EQ(got.end.usage.cpu_us, 0);
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

TEST_P(StoreContract, ARunAnsweredByAnother_ShowsWhatThatOneHasAndNothingOfItsOwn) {
  model::Run origin = run_of(create(task_of("ann")));
  origin.cache_key = "key";
  origin.inputs.inline_bytes = R"({"force":10})";
  ASSERT_TRUE(await(store_->submit_run(origin, std::nullopt)));
  const Lease lease{origin.id, claim(origin.id).attempt};
  ASSERT_TRUE(*await(store_->record_end(lease, end_in("e"))));
  model::Run run = run_of(create(task_of("ann")));
  run.cached_from = origin.id;
  run.inputs = {"", "inputs/none.json"};
  run.end = completed("\"another\"");
  ASSERT_TRUE(await(store_->submit_run(run, std::nullopt)));
  for (const model::Run& got : {get(run.id), **await(store_->latest_run("ann", run.task_id))}) {
    EXPECT_EQ(got.id, run.id);
    EXPECT_EQ(got.inputs.inline_bytes, R"({"force":10})");
    EXPECT_FALSE(got.inputs.stored());
    EXPECT_EQ(got.end.result.inline_bytes, R"({"stress":100})");
    EXPECT_EQ(got.end.log.key, "logs/x.txt");
    ASSERT_EQ(got.end.artifacts.size(), 1);
    EXPECT_EQ(got.end.artifacts[0].key, "artifacts/x/plot.png");
  }
  EXPECT_EQ(await(store_->list_runs("ann", {}, {}))->items.front().artifact_count, 1);
  // Its objects are the other one's, which keeps them.
  const auto objects = await(store_->run_objects({run.id, origin.id}));
  ASSERT_EQ(objects->size(), 2U);
  EXPECT_EQ((*objects)[0].keys, std::vector<std::string>());
  EXPECT_EQ((*objects)[1].keys, (std::vector<std::string>{"logs/x.txt", "artifacts/x/plot.png"}));
}

TEST_P(StoreContract, WhatCannotAnswer_IsNotFoundAndMakesNothing) {
  const model::Run origin = ended_run("key", end_in("e"));
  model::Run hit = run_of(create(task_of("ann")));
  hit.cached_from = origin.id;
  ASSERT_TRUE(await(store_->submit_run(hit, std::nullopt)));
  const model::Run bad = ended_run("bad", failed(model::OutcomeCode::user_error));
  const model::Run waiting = submit(create(task_of("ann")));
  const auto refused = [&](const std::string& user, const model::RunId& from) {
    model::Run run = run_of(create(task_of(user)));
    run.cached_from = from;
    const auto made = await(store_->submit_run(run, key_of("k", "h")));
    EXPECT_EQ(await(store_->get_run(user, run.id)).error().code, ErrorCode::not_found);
    return !made && made.error().code == ErrorCode::not_found;
  };
  EXPECT_TRUE(refused("ann", model::RunId::make()));
  EXPECT_TRUE(refused("ann", hit.id));  // the run that it names answers, not itself
  EXPECT_TRUE(refused("ann", bad.id));
  EXPECT_TRUE(refused("ann", waiting.id));
  EXPECT_TRUE(refused("bob", origin.id));
  EXPECT_FALSE(await(store_->run_made_by("ann", {"k", "h"})).value());
  EXPECT_FALSE(await(store_->run_made_by("bob", {"k", "h"})).value());
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
