#include "wire/run_record.h"

#include "wire/api_json.h"

#include <gtest/gtest.h>

namespace mecapy::wire {
namespace {

model::Run ended(model::RunStatus status) {
  model::Run run;
  run.id = model::RunId::make();
  run.task_id = model::TaskId::make();
  run.user = "ann \"x\"\n";
  run.version = 3;
  run.attempt = 2;
  run.cancel_requested = true;
  run.queued_at = base::TimePoint(std::chrono::microseconds(1'767'225'600'000'001));
  run.started_at = run.queued_at + std::chrono::microseconds(1);
  run.finished_at = run.queued_at + std::chrono::microseconds(2);
  run.status = run.end.status = status;
  run.end.log = {"log \xc3\xa9", ""};
  run.end.log_truncated = true;
  run.end.environment = "3.11-0123";
  run.end.usage.cpu_us = 17;
  run.backend = model::kDedicated;
  run.moved_from = model::kServerless;
  run.resumed_from = 1;
  run.estimate = model::Estimate{7.5, "history", 12};
  run.cost.emplace();
  run.cost->eur = 0.1;
  run.cost->complete = false;
  run.cost->why = "its machine is not gone yet";
  run.cost->prices_of = "2026-07";
  run.cost->components = {{"vcpu", "local.vcpu", 3, "vCPU-s", 0, 0.1, 0.3},
                          {"machine", "a/new", 0.1, "h"}};
  return run;
}

TEST(RunRecord, ACompletedRun_IsReadBackWhole) {
  model::Run run = ended(model::RunStatus::completed);
  run.cached_from = model::RunId::make();
  run.end.result = {R"({"a":0.10})", ""};
  run.end.artifacts = {{"p.png", 5, "image/png", std::string(64, 'a'), "artifacts/x/p.png"}};
  const auto read = read_run_record(run_record(run));
  ASSERT_TRUE(read);
  // All that is told of it, also what comes to be told later.
  EXPECT_EQ(run_json(*read, "0"), run_json(run, "0"));
  EXPECT_EQ(read->id, run.id);
  EXPECT_EQ(read->task_id, run.task_id);
  EXPECT_EQ(read->user, run.user);
  EXPECT_EQ(read->version, 3);
  EXPECT_EQ(read->attempt, 2);
  EXPECT_TRUE(read->cancel_requested);
  EXPECT_EQ(read->queued_at, run.queued_at);
  EXPECT_EQ(read->started_at, run.started_at);
  EXPECT_EQ(read->finished_at, run.finished_at);
  EXPECT_EQ(read->cached_from, run.cached_from);
  EXPECT_EQ(read->status, model::RunStatus::completed);
  EXPECT_EQ(read->end.result.inline_bytes, R"({"a":0.10})");
  EXPECT_EQ(read->end.log.inline_bytes, "log \xc3\xa9");
  EXPECT_TRUE(read->end.log_truncated);
  EXPECT_EQ(read->end.environment, "3.11-0123");
  EXPECT_EQ(read->end.usage.cpu_us, 17);
  ASSERT_EQ(read->end.artifacts.size(), 1);
  EXPECT_EQ(read->end.artifacts[0].key, "artifacts/x/p.png");
  EXPECT_EQ(read->cost->eur, 0.1);
  EXPECT_EQ(read->cost->why, "its machine is not gone yet");
  EXPECT_EQ(read->cost->components.at(0).eur, 0.3);
  EXPECT_FALSE(read->cost->components.at(1).eur);
}

TEST(RunRecord, AFailedRun_KeepsItsReason) {
  model::Run run = ended(model::RunStatus::failed);
  run.started_at.reset();
  run.end.failure =
      model::Failure{model::OutcomeCode::user_error, "ValueError: x", "File \"a\"", 3, {}};
  const auto read = read_run_record(run_record(run));
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->started_at);
  EXPECT_EQ(read->status, model::RunStatus::failed);
  EXPECT_EQ(read->end.failure->message, "ValueError: x");
  EXPECT_EQ(read->end.failure->line, 3);
}

TEST(RunRecord, WhatIsNone_IsNothing) {
  const std::string whole = run_record(ended(model::RunStatus::cancelled));
  ASSERT_TRUE(read_run_record(whole));
  for (const std::string& part : {std::string(), std::string("null"), whole.substr(1)}) {
    EXPECT_FALSE(read_run_record(part));
  }
  // Without any one of its members.
  for (const char* name : {"shape", "id", "task_id", "user", "version", "attempt", "queued_at",
                           "cancel_requested", "end"}) {
    std::string other = whole;
    other.replace(other.find(std::string("\"") + name + "\""), 2, "\"_");
    EXPECT_FALSE(read_run_record(other)) << name;
  }
}

}  // namespace
}  // namespace mecapy::wire
