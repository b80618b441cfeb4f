// The contract of every store: runs as their user sees them.
#include <set>

#include "store/store_contract.h"

namespace mecapy::store {
namespace {

using model::RunStatus;
using std::chrono::seconds;

TEST_P(StoreContract, SubmittedRun_IsQueuedWithItsInputsByteForByte) {
  const model::Task task = create(task_of("ann"));
  model::Run run = run_of(task);
  run.inputs.inline_bytes = R"({"a":0.1,"b":1E-1 ,"c":"\u00e9"})";
  run.status = RunStatus::completed;  // not the caller's to say
  run.attempt = 3;
  const auto made = await(store_->submit_run(run, std::nullopt));
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->created);
  for (const model::Run& got : {made->value, get(run.id)}) {
    EXPECT_EQ(got.id, run.id);
    EXPECT_EQ(got.task_id, task.id);
    EXPECT_EQ(got.user, "ann");
    EXPECT_EQ(got.version, 1);
    EXPECT_EQ(got.status, RunStatus::queued);
    EXPECT_EQ(got.attempt, 0);
    EXPECT_EQ(got.inputs.inline_bytes, run.inputs.inline_bytes);
    EXPECT_EQ(got.inputs.key, "");
    EXPECT_FALSE(got.cancel_requested);
    EXPECT_EQ(got.queued_at, now());
    EXPECT_FALSE(got.started_at);
    EXPECT_FALSE(got.finished_at);
    EXPECT_FALSE(got.end.failure);
  }
}

TEST_P(StoreContract, InputsInTheObjectStore_KeepTheirKey) {
  model::Run run = run_of(create(task_of("ann")));
  run.inputs = {.inline_bytes = "", .key = "inputs/x.json"};
  ASSERT_TRUE(await(store_->submit_run(run, std::nullopt)));
  EXPECT_EQ(get(run.id).inputs.key, "inputs/x.json");
  EXPECT_EQ(claim(run.id).inputs.key, "inputs/x.json");
}

TEST_P(StoreContract, LargeAndOddInputs_AreKeptByteForByte) {
  model::Run run = run_of(create(task_of("ann")));
  run.inputs.inline_bytes = "{\"s\":\"" + std::string(100'000, 'x') + "\xc3\xa9'; DROP TABLE\"}";
  ASSERT_TRUE(await(store_->submit_run(run, std::nullopt)));
  EXPECT_EQ(get(run.id).inputs.inline_bytes, run.inputs.inline_bytes);
}

TEST_P(StoreContract, SubmitForAVersionThatIsNotThere_IsNotFoundAndMakesNothing) {
  const model::Task task = create(task_of("ann"));
  for (const int version : {0, 2, -1}) {
    model::Run run = run_of(task);
    run.version = version;
    EXPECT_EQ(await(store_->submit_run(run, key_of("k", "h"))).error().code, ErrorCode::not_found);
    EXPECT_EQ(await(store_->get_run("ann", run.id)).error().code, ErrorCode::not_found);
  }
  EXPECT_TRUE(await(store_->submit_run(run_of(task), key_of("k", "h")))->created);
}

TEST_P(StoreContract, RunOfAnOldVersion_RunsTheOldCode) {
  const model::Task task = create(task_of("ann"));
  ASSERT_TRUE(await(store_->update_task("ann", task.id, {.code = "new"})));
  const model::Run old_run = submit(task);
  EXPECT_EQ(claim(old_run.id).code, task.version.code);
  model::Run run = run_of(task);
  run.version = 2;
  ASSERT_TRUE(await(store_->submit_run(run, std::nullopt)));
  EXPECT_EQ(claim(run.id).code, "new");
}

TEST_P(StoreContract, RunOfAnotherUser_IsNotFoundByEveryCall) {
  const model::Run run = submit(create(task_of("ann")));
  EXPECT_EQ(await(store_->get_run("bob", run.id)).error().code, ErrorCode::not_found);
  EXPECT_EQ(await(store_->request_cancel("bob", run.id)).error().code, ErrorCode::not_found);
  EXPECT_TRUE(await(store_->list_runs("bob", {}, {}))->items.empty());
  EXPECT_TRUE(await(store_->list_runs("bob", {.task_id = run.task_id}, {}))->items.empty());
  EXPECT_FALSE(get(run.id).cancel_requested);
}

TEST_P(StoreContract, SubmitAdHoc_MakesTaskAndRunTogether) {
  model::Task task = task_of("ann");
  task.ad_hoc = true;
  const model::Run run = run_of(task);
  const auto made = await(store_->submit_ad_hoc(task, run, key_of("k", "h")));
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->created);
  EXPECT_EQ(get(run.id).task_id, task.id);
  EXPECT_EQ(claim(run.id).code, task.version.code);
  model::Task other = task_of("ann");
  const auto again = await(store_->submit_ad_hoc(other, run_of(other), key_of("k", "h")));
  EXPECT_FALSE(again->created);
  EXPECT_EQ(again->value.id, run.id);
  EXPECT_EQ(await(store_->get_task("ann", other.id, std::nullopt)).error().code,
            ErrorCode::not_found);
}

TEST_P(StoreContract, SubmitAdHocThatFails_LeavesNoTaskAndNoKey) {
  const model::Run taken = submit(create(task_of("ann")));
  model::Task task = task_of("ann");
  model::Run run = run_of(task);
  run.id = taken.id;
  EXPECT_EQ(await(store_->submit_ad_hoc(task, run, key_of("k", "h"))).error().code,
            ErrorCode::conflict);
  EXPECT_EQ(await(store_->get_task("ann", task.id, std::nullopt)).error().code,
            ErrorCode::not_found);
  EXPECT_TRUE(await(store_->submit_ad_hoc(task, run_of(task), key_of("k", "h")))->created);
}

TEST_P(StoreContract, SameKeySameSubmit_GivesTheRunAsItIsNow) {
  const model::Task task = create(task_of("ann"));
  const auto first = await(store_->submit_run(run_of(task), key_of("k", "h")));
  const model::Job job = claim(first->value.id);
  ASSERT_TRUE(*await(store_->record_end({job.run_id, job.attempt}, completed("42"))));
  ASSERT_TRUE(await(store_->delete_task("ann", task.id)));
  const auto again = await(store_->submit_run(run_of(task), key_of("k", "h")));
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->created);
  EXPECT_EQ(again->value.id, first->value.id);
  EXPECT_EQ(again->value.status, RunStatus::completed);
  EXPECT_EQ(again->value.end.result.inline_bytes, "42");
}

TEST_P(StoreContract, SameKeyOtherSubmit_IsMismatch) {
  const model::Task task = create(task_of("ann"));
  ASSERT_TRUE(await(store_->submit_run(run_of(task), key_of("k", "h"))));
  EXPECT_EQ(await(store_->submit_run(run_of(task), key_of("k", "other"))).error().code,
            ErrorCode::idempotency_mismatch);
}

TEST_P(StoreContract, RunMadeBy_FindsWhatAKeyMadeAndTakesNoKey) {
  const model::Task task = create(task_of("ann"));
  const Idempotency key = key_of("k", "h");
  EXPECT_FALSE(await(store_->run_made_by("ann", key))->has_value());
  const auto made = await(store_->submit_run(run_of(task), key));
  ASSERT_TRUE(made->created);  // looking did not take the key
  claim(made->value.id);
  const auto found = await(store_->run_made_by("ann", key));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->id, made->value.id);
  EXPECT_EQ((*found)->status, RunStatus::running);
  EXPECT_EQ(await(store_->run_made_by("ann", key_of("k", "other"))).error().code,
            ErrorCode::idempotency_mismatch);
  EXPECT_EQ(await(store_->task_made_by("ann", key)).error().code, ErrorCode::idempotency_mismatch);
  EXPECT_FALSE(await(store_->run_made_by("bob", key))->has_value());
}

TEST_P(StoreContract, ConcurrentSubmitsWithOneKey_MakeOneRun) {
  const model::Task task = create(task_of("ann"));
  std::vector<awaitable<Result<Created<model::Run>>>> calls;
  for (int i = 0; i < 16; ++i) {
    calls.push_back(store_->submit_run(run_of(task), key_of("k", "h")));
  }
  int created = 0;
  std::set<std::string> ids;
  for (const auto& made : await_all(std::move(calls))) {
    created += made->created ? 1 : 0;
    ids.insert(made->value.id.str());
  }
  EXPECT_EQ(created, 1);
  EXPECT_EQ(ids.size(), 1U);
  EXPECT_EQ(await(store_->list_runs("ann", {}, {}))->items.size(), 1U);
}

TEST_P(StoreContract, ConcurrentSubmitsOfWhichSomeFail_FailAlone) {
  const model::Task task = create(task_of("ann"));
  std::vector<awaitable<Result<Created<model::Run>>>> calls;
  for (int i = 0; i < 20; ++i) {
    model::Run run = run_of(task);
    if (i % 2 == 0) run.version = 9;
    calls.push_back(store_->submit_run(run, std::nullopt));
  }
  const auto made = await_all(std::move(calls));
  for (std::size_t i = 0; i < made.size(); ++i) EXPECT_EQ(made[i].has_value(), i % 2 == 1);
  EXPECT_EQ(await(store_->list_runs("ann", {}, {}))->items.size(), 10U);
}

TEST_P(StoreContract, LatestRun_IsTheNewestWhole) {
  const model::Task task = create(task_of("ann"));
  const auto none = await(store_->latest_run("ann", task.id));
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->has_value());
  submit(task);
  const model::Run newest = submit(task);
  submit(create(task_of("ann")));
  const model::Job job = claim(newest.id);
  model::RunEnd end = completed("[1]");
  end.artifacts = {{"a.txt", 1, "text/plain", "00", "artifacts/a"}};
  ASSERT_TRUE(*await(store_->record_end({job.run_id, job.attempt}, end)));
  const auto latest = await(store_->latest_run("ann", task.id));
  ASSERT_TRUE(latest);
  EXPECT_EQ((*latest)->id, newest.id);
  EXPECT_EQ((*latest)->end.result.inline_bytes, "[1]");
  EXPECT_EQ((*latest)->end.artifacts.size(), 1U);
  EXPECT_EQ(await(store_->latest_run("ann", model::TaskId::make())).error().code,
            ErrorCode::not_found);
}

TEST_P(StoreContract, ListRuns_FiltersByTaskAndStatus) {
  const model::Task one = create(task_of("ann"));
  const model::Task two = create(task_of("ann"));
  const model::Run a = submit(one);
  const model::Run b = submit(one);
  const model::Run c = submit(two);
  claim(b.id);
  claim(c.id);
  const auto ids = [&](const RunFilter& filter) {
    std::vector<std::string> found;
    const auto page = await(store_->list_runs("ann", filter, {}));
    for (const model::Run& run : page->items) found.push_back(run.id.str());
    return found;
  };
  using Ids = std::vector<std::string>;
  EXPECT_EQ(ids({}), (Ids{c.id.str(), b.id.str(), a.id.str()}));
  EXPECT_EQ(ids({.task_id = one.id}), (Ids{b.id.str(), a.id.str()}));
  EXPECT_EQ(ids({.task_id = {}, .status = RunStatus::running}), (Ids{c.id.str(), b.id.str()}));
  EXPECT_EQ(ids({.task_id = one.id, .status = RunStatus::running}), (Ids{b.id.str()}));
  EXPECT_EQ(ids({.task_id = two.id, .status = RunStatus::failed}), Ids{});
}

TEST_P(StoreContract, ListedRuns_HoldNothingThatMayBeLarge) {
  const Lease lease = running();
  model::RunEnd end = completed("[1]");
  end.log.inline_bytes = "hello";
  end.artifacts = {{"a.txt", 1, "text/plain", "00", "artifacts/a"}};
  ASSERT_TRUE(*await(store_->record_end(lease, end)));
  const auto page = await(store_->list_runs("ann", {}, {}));
  ASSERT_EQ(page->items.size(), 1U);
  const model::Run& run = page->items.front();
  EXPECT_EQ(run.status, RunStatus::completed);
  EXPECT_EQ(run.inputs.inline_bytes, "");
  EXPECT_EQ(run.end.result.inline_bytes, "");
  EXPECT_EQ(run.end.log.inline_bytes, "");
  EXPECT_TRUE(run.end.artifacts.empty());
  EXPECT_EQ(run.artifact_count, 1);
  EXPECT_EQ(get(run.id).artifact_count, 1);
  EXPECT_EQ(get(run.id).end.artifacts.size(), 1U);
}

TEST_P(StoreContract, ListedFailures_HaveTheirMessageWithoutTraceback) {
  const Lease lease = running();
  model::RunEnd end = failed(model::OutcomeCode::user_error);
  end.failure->traceback = "File \"calc.py\"";
  ASSERT_TRUE(*await(store_->record_end(lease, end)));
  const auto page = await(store_->list_runs("ann", {}, {}));
  EXPECT_EQ(page->items.front().end.failure->message, "it failed");
  EXPECT_EQ(page->items.front().end.failure->traceback, "");
  EXPECT_EQ(get(lease.run_id).end.failure->traceback, "File \"calc.py\"");
}

TEST_P(StoreContract, PagesOfLongMessages_EndEarlierAndAreComplete) {
  constexpr std::size_t kRuns = 10;
  for (std::size_t i = 0; i < kRuns; ++i) {
    model::RunEnd end = failed(model::OutcomeCode::user_error);
    end.failure->message = std::string(kPageTextBytes / 4, 'm');
    const Lease lease = running();
    ASSERT_TRUE(*await(store_->record_end(lease, end)));
  }
  std::vector<std::size_t> sizes;
  PageRequest request{"", static_cast<int>(kRuns)};
  do {
    const auto page = await(store_->list_runs("ann", {}, request));
    ASSERT_TRUE(page);
    sizes.push_back(page->items.size());
    request.after = page->next;
  } while (!request.after.empty());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{4, 4, 2}));
}

TEST_P(StoreContract, PagesOfRuns_AreCompleteWhileNewOnesArrive) {
  const model::Task task = create(task_of("ann"));
  std::set<std::string> made;
  for (int i = 0; i < 25; ++i) made.insert(submit(task).id.str());
  std::vector<std::string> seen;
  PageRequest request{.after = "", .limit = 10};
  do {
    const auto page = await(store_->list_runs("ann", {.task_id = task.id}, request));
    for (const model::Run& run : page->items) seen.push_back(run.id.str());
    request.after = page->next;
    submit(task);
  } while (!request.after.empty());
  EXPECT_EQ(seen.size(), 25U);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()), made);
}

TEST_P(StoreContract, CancelOfAQueuedRun_EndsItAtOnce) {
  const model::Run run = submit(create(task_of("ann")));
  advance(seconds(1));
  const auto cancelled = await(store_->request_cancel("ann", run.id));
  ASSERT_TRUE(cancelled);
  EXPECT_EQ(cancelled->status, RunStatus::cancelled);
  EXPECT_TRUE(cancelled->cancel_requested);
  EXPECT_EQ(cancelled->finished_at, now());
  EXPECT_FALSE(await(store_->claim(run.id, "serve-1", seconds(30)))->has_value());
  EXPECT_EQ(await(store_->request_cancel("ann", run.id)).error().code, ErrorCode::conflict);
}

TEST_P(StoreContract, CancelOfARunningRun_IsToldToItsHolder) {
  const Lease lease = running();
  const auto asked = await(store_->request_cancel("ann", lease.run_id));
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->status, RunStatus::running);
  EXPECT_TRUE(asked->cancel_requested);
  EXPECT_TRUE(await(store_->request_cancel("ann", lease.run_id)));  // asking twice is no error
  const auto report = await(store_->extend_leases("serve-1", {lease}, seconds(60)));
  EXPECT_EQ(report->cancel_requested, std::vector{lease.run_id});
  EXPECT_TRUE(report->lost.empty());
  model::RunEnd end;
  end.status = RunStatus::cancelled;
  EXPECT_TRUE(*await(store_->record_end(lease, end)));
  EXPECT_EQ(get(lease.run_id).status, RunStatus::cancelled);
}

TEST_P(StoreContract, CancelOfAnEndedRun_IsConflict) {
  const Lease lease = running();
  ASSERT_TRUE(*await(store_->record_end(lease, completed("1"))));
  EXPECT_EQ(await(store_->request_cancel("ann", lease.run_id)).error().code, ErrorCode::conflict);
  EXPECT_FALSE(get(lease.run_id).cancel_requested);
}

TEST_P(StoreContract, RunObjects_AreTheKeysARunRefersTo) {
  const model::Task task = create(task_of("ann"));
  model::Run waiting = run_of(task);
  waiting.inputs = {"", "inputs/w.json"};
  ASSERT_TRUE(await(store_->submit_run(waiting, std::nullopt)));
  const Lease lease = running();
  const Lease small = running();
  model::RunEnd end = completed("");
  end.result.key = "results/r.json";
  end.log.key = "logs/r.txt";
  end.artifacts = {{"a", 1, "text/plain", "", "artifacts/r/a"},
                   {"b", 1, "text/plain", "", "artifacts/r/b"}};
  ASSERT_TRUE(*await(store_->record_end(lease, end)));

  const auto found =
      await(store_->run_objects({waiting.id, lease.run_id, small.run_id, model::RunId::make()}));
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 3U);
  EXPECT_EQ((*found)[0].run_id, waiting.id);
  EXPECT_FALSE((*found)[0].ended);
  EXPECT_EQ((*found)[0].keys, std::vector<std::string>{"inputs/w.json"});
  EXPECT_EQ((*found)[1].run_id, lease.run_id);
  EXPECT_TRUE((*found)[1].ended);
  EXPECT_EQ((*found)[1].keys, (std::vector<std::string>{"results/r.json", "logs/r.txt",
                                                        "artifacts/r/a", "artifacts/r/b"}));
  EXPECT_FALSE((*found)[2].ended);
  EXPECT_TRUE((*found)[2].keys.empty());
}

TEST_P(StoreContract, CancelOfAnUnknownRun_IsNotFound) {
  EXPECT_EQ(await(store_->request_cancel("ann", model::RunId::make())).error().code,
            ErrorCode::not_found);
}

TEST_P(StoreContract, TheSecretOfAllProcesses_IsMadeOnce) {
  const std::string secret = await(store_->shared_secret()).value();
  EXPECT_EQ(secret.size(), 64U);
  EXPECT_EQ(await(store_->shared_secret()).value(), secret);
}

TEST_P(StoreContract, TheInstallationsName_IsMadeOnce_AndIsNotTheSecret) {
  const std::string name = await(store_->installation("")).value();
  EXPECT_EQ(name.size(), 16U);
  EXPECT_EQ(await(store_->installation("")).value(), name);
  EXPECT_EQ(await(store_->shared_secret())->find(name), std::string::npos);
}

TEST_P(StoreContract, Ping_Answers) { EXPECT_TRUE(await(store_->ping())); }

}  // namespace
}  // namespace mecapy::store
