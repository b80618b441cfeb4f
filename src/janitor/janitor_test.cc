// The janitor before a real store and a real folder of objects.
#include "janitor/janitor.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "base/test_await.h"
#include "base/test_folder.h"

namespace mecapy::janitor {
namespace {

using base::await;
using Keys = std::set<std::string>;

class JanitorTest : public testing::Test {
 protected:
  static base::Deadline soon() { return base::after(std::chrono::minutes(1)); }

  void put(const std::string& key) { ASSERT_TRUE(await(objects_->put(key, "x", soon()))) << key; }
  Keys left() {
    Keys keys;
    for (const char* folder : {"inputs", "results", "logs", "artifacts", "ping"}) {
      const auto listing = objects_->list(folder);
      while (const auto batch = await(listing->next(100, soon())).value()) {
        for (const objects::Listed& object : *batch) keys.insert(object.key);
      }
    }
    return keys;
  }
  // Everything there is counts as old.
  int sweep() { return sweep_before(clock_->now() + std::chrono::hours(1)); }
  int sweep_before(base::TimePoint before) {
    return await(remove_orphans(*store_, *objects_, before)).value().removed;
  }

  // A queued run with its inputs in the object store.
  std::string submit() {
    model::Task task;
    task.id = model::TaskId::make();
    task.user = "ann";
    model::Run run;
    run.id = model::RunId::make();
    run.task_id = task.id;
    run.user = "ann";
    run.inputs.key = "inputs/" + run.id.str() + ".json";
    put(run.inputs.key);
    EXPECT_TRUE(await(store_->submit_ad_hoc(task, run, std::nullopt)));
    return run.id.str();
  }
  void claim(const std::string& run) {
    const auto job = await(store_->claim(*model::RunId::parse(run), "here", std::chrono::hours(1)));
    ASSERT_TRUE(job && *job);
  }
  // What an attempt with this stem ("{run}" or "{run}.2") keeps.
  Keys keep(const std::string& stem) {
    Keys keys = {"results/" + stem + ".json", "logs/" + stem + ".txt",
                 "artifacts/" + stem + "/a.csv", "artifacts/" + stem + "/deep/b 2.csv"};
    for (const std::string& key : keys) put(key);
    return keys;
  }
  void record(const std::string& run, const std::string& stem, model::RunStatus status) {
    model::RunEnd end;
    end.status = status;
    end.result.key = "results/" + stem + ".json";
    end.log.key = "logs/" + stem + ".txt";
    for (const char* name : {"a.csv", "deep/b 2.csv"}) {
      end.artifacts.push_back({name, 1, "text/csv", "", "artifacts/" + stem + "/" + name});
    }
    const store::Lease lease{*model::RunId::parse(run), 1};
    ASSERT_TRUE(await(store_->record_end(lease, end)).value());
  }

  base::TestFolder folder_;
  std::shared_ptr<base::SystemClock> clock_ = std::make_shared<base::SystemClock>();
  std::unique_ptr<store::Store> store_ = store::open_sqlite(folder_.path("db"), clock_).value();
  std::unique_ptr<objects::ObjectStore> objects_ =
      objects::open_folder(folder_.path("objects")).value();
};

Keys with(Keys all, const std::string& more) {
  all.insert(more);
  return all;
}

TEST_F(JanitorTest, WhatNoRunIsKnownFor_IsRemoved) {
  const std::string nobody = model::RunId::make().str();
  put("inputs/" + nobody + ".json");
  keep(nobody);
  keep(nobody + ".2");
  EXPECT_EQ(sweep(), 9);
  EXPECT_EQ(left(), Keys());
}

TEST_F(JanitorTest, WhatIsYoungerThanTheSafeAge_Stays) {
  const Keys all = keep(model::RunId::make().str());
  EXPECT_EQ(sweep_before(clock_->now() - kSafeAge), 0);
  EXPECT_EQ(left(), all);
}

TEST_F(JanitorTest, ObjectsOfAQueuedRun_Stay) {
  const std::string run = submit();
  const Keys all = with(keep(run), "inputs/" + run + ".json");  // of an attempt that was lost
  EXPECT_EQ(sweep(), 0);
  EXPECT_EQ(left(), all);
}

TEST_F(JanitorTest, ObjectsOfARunningRun_StayThoughTheyAreNotRecordedYet) {
  const std::string run = submit();
  claim(run);
  const Keys all = with(keep(run), "inputs/" + run + ".json");
  EXPECT_EQ(sweep(), 0);
  EXPECT_EQ(left(), all);
}

TEST_F(JanitorTest, OfAnEndedRun_TheRecordedAttemptStaysAndTheOthersGo) {
  const std::string run = submit();
  claim(run);
  const Keys recorded = keep(run + ".2");
  keep(run);
  keep(run + ".3");
  record(run, run + ".2", model::RunStatus::completed);
  EXPECT_EQ(sweep(), 8);
  EXPECT_EQ(left(), with(recorded, "inputs/" + run + ".json"));
  EXPECT_EQ(sweep(), 0);
}

TEST_F(JanitorTest, CheckpointsGoWithTheirRun) {
  const std::string run = submit();
  claim(run);
  put("checkpoints/" + run + "/7");
  put("checkpoints/" + run + ".2/1");
  EXPECT_EQ(sweep(), 0) << "the run goes on";
  const Keys recorded = keep(run);
  record(run, run, model::RunStatus::completed);
  EXPECT_EQ(sweep(), 2);
  EXPECT_EQ(left(), with(recorded, "inputs/" + run + ".json"));
}

TEST_F(JanitorTest, AFailedRunKeepsItsInputsLogAndArtifactsButHasNoResult) {
  const std::string run = submit();
  claim(run);
  Keys recorded = keep(run);
  record(run, run, model::RunStatus::failed);
  EXPECT_EQ(sweep(), 1);
  recorded.erase("results/" + run + ".json");
  EXPECT_EQ(left(), with(recorded, "inputs/" + run + ".json"));
}

TEST_F(JanitorTest, WhatIsNotNamedAfterARun_Stays) {
  const std::string id = model::RunId::make().str();
  const Keys strange = {"inputs/readme.txt", "results/" + id, "logs/" + id + "x.txt",
                        "artifacts/plot/" + id + ".csv", "ping/" + id + ".json"};
  for (const std::string& key : strange) put(key);
  EXPECT_EQ(sweep(), 0);
  EXPECT_EQ(left(), strange);
}

TEST_F(JanitorTest, OneThatCannotBeRemoved_DoesNotKeepTheOthers) {
  class Stubborn final : public objects::ObjectStore {
   public:
    Stubborn(objects::ObjectStore& real, std::string stuck) : real_(real), stuck_(stuck) {}
    awaitable<Result<std::unique_ptr<objects::Writer>>> create(std::string key,
                                                               base::Deadline d) override {
      return real_.create(std::move(key), d);
    }
    awaitable<Result<void>> put(std::string key, std::string bytes, base::Deadline d) override {
      return real_.put(std::move(key), std::move(bytes), d);
    }
    awaitable<Result<objects::ObjectInfo>> stat(std::string key, base::Deadline d) override {
      return real_.stat(std::move(key), d);
    }
    awaitable<Result<std::string>> read(std::string key, std::int64_t offset, std::int64_t length,
                                        base::Deadline d) override {
      return real_.read(std::move(key), offset, length, d);
    }
    awaitable<Result<std::string>> get(std::string key, std::int64_t max,
                                       base::Deadline d) override {
      return real_.get(std::move(key), max, d);
    }
    awaitable<Result<void>> remove(std::string key, base::Deadline d) override {
      if (key != stuck_) co_return co_await real_.remove(std::move(key), d);
      co_return fail(ErrorCode::storage, "it does not go");
    }
    std::unique_ptr<objects::Listing> list(std::string folder) override {
      return real_.list(std::move(folder));
    }
    awaitable<Result<void>> ping(base::Deadline d) override { return real_.ping(d); }

   private:
    objects::ObjectStore& real_;
    std::string stuck_;
  };
  const std::string nobody = model::RunId::make().str();
  keep(nobody);
  Stubborn stubborn(*objects_, "results/" + nobody + ".json");
  const auto swept =
      await(remove_orphans(*store_, stubborn, clock_->now() + std::chrono::hours(1)));
  EXPECT_EQ(swept->removed, 3);
  EXPECT_EQ(swept->stuck, 1);
  EXPECT_EQ(left(), Keys{"results/" + nobody + ".json"});
}

TEST_F(JanitorTest, MoreThanABatchOfThem_AreAllRemoved) {
  const std::string run = submit();
  for (int i = 0; i < 600; ++i) put("results/" + model::RunId::make().str() + ".json");
  EXPECT_EQ(sweep(), 600);
  EXPECT_EQ(left(), Keys{"inputs/" + run + ".json"});
}

}  // namespace
}  // namespace mecapy::janitor
