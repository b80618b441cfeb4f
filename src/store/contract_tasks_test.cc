// The contract of every store: tasks, versions, idempotency.
#include <algorithm>
#include <functional>
#include <set>

#include "store/store_contract.h"

namespace mecapy::store {
namespace {

using std::chrono::seconds;

TEST_P(StoreContract, CreatedTask_IsReadBackWhole) {
  model::Task task = task_of("ann");
  task.description = "bending of a beam";
  task.tags = {"steel", "a\nb\\c", ""};
  task.estimated_duration_s = 0.1;
  task.version.inputs = R"({"a":0.1,"b":1E-1 ,"c":"\u00e9"})";
  task.version.limits.timeout_s = 0.3;
  task.version.limits.memory_mb = 512;
  create(task);
  const auto got = await(store_->get_task("ann", task.id, std::nullopt));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->id, task.id);
  EXPECT_EQ(got->user, "ann");
  EXPECT_EQ(got->name, "beam");
  EXPECT_EQ(got->description, task.description);
  EXPECT_EQ(got->tags, task.tags);
  EXPECT_EQ(got->estimated_duration_s, 0.1);
  EXPECT_FALSE(got->ad_hoc);
  EXPECT_EQ(got->version.number, 1);
  EXPECT_EQ(got->version.code, task.version.code);
  EXPECT_EQ(got->version.inputs, task.version.inputs);
  EXPECT_EQ(got->version.limits, task.version.limits);
  EXPECT_EQ(got->created_at, now());
  EXPECT_EQ(got->updated_at, now());
}

TEST_P(StoreContract, CreateTask_StoreSetsVersionAndTimesWhateverTheCallerSays) {
  model::Task task = task_of("ann");
  task.version.number = 7;
  const auto made = await(store_->create_task(task, std::nullopt));
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->created);
  EXPECT_EQ(made->value.version.number, 1);
  EXPECT_EQ(made->value.created_at, now());
}

TEST_P(StoreContract, TaskOfAnotherUser_IsNotFoundByEveryCall) {
  const model::Task task = create(task_of("ann"));
  const auto code = [](const auto& result) { return result.error().code; };
  EXPECT_EQ(code(await(store_->get_task("bob", task.id, std::nullopt))), ErrorCode::not_found);
  EXPECT_EQ(code(await(store_->get_task("bob", task.id, 1))), ErrorCode::not_found);
  EXPECT_EQ(code(await(store_->update_task("bob", task.id, {.name = "x"}))), ErrorCode::not_found);
  EXPECT_EQ(code(await(store_->delete_task("bob", task.id))), ErrorCode::not_found);
  EXPECT_EQ(code(await(store_->latest_run("bob", task.id))), ErrorCode::not_found);
  model::Run run = run_of(task);
  run.user = "bob";
  EXPECT_EQ(code(await(store_->submit_run(run, std::nullopt))), ErrorCode::not_found);
  EXPECT_TRUE(await(store_->list_tasks("bob", {}))->items.empty());
  EXPECT_TRUE(await(store_->get_task("ann", task.id, std::nullopt)));
}

TEST_P(StoreContract, UnknownTask_IsNotFound) {
  EXPECT_EQ(await(store_->get_task("ann", model::TaskId::make(), std::nullopt)).error().code,
            ErrorCode::not_found);
}

TEST_P(StoreContract, UpdateOfCode_MakesANewVersionAndKeepsTheOld) {
  model::Task task = task_of("ann");
  task.version.inputs = R"({"x": 1})";
  create(task);
  advance(seconds(5));
  const auto updated = await(store_->update_task("ann", task.id, {.code = "new code"}));
  ASSERT_TRUE(updated);
  EXPECT_EQ(updated->version.number, 2);
  EXPECT_EQ(updated->version.code, "new code");
  EXPECT_EQ(updated->version.inputs, R"({"x": 1})");
  EXPECT_EQ(updated->updated_at, now());
  EXPECT_EQ(updated->created_at, now() - seconds(5));
  EXPECT_EQ(await(store_->get_task("ann", task.id, std::nullopt))->version.code, "new code");
  const auto first = await(store_->get_task("ann", task.id, 1));
  EXPECT_EQ(first->version.number, 1);
  EXPECT_EQ(first->version.code, task.version.code);
  EXPECT_EQ(await(store_->get_task("ann", task.id, 3)).error().code, ErrorCode::not_found);
  EXPECT_EQ(await(store_->get_task("ann", task.id, 0)).error().code, ErrorCode::not_found);
}

TEST_P(StoreContract, UpdateOfInputsOrLimits_MakesANewVersion) {
  const model::Task task = create(task_of("ann"));
  EXPECT_EQ(await(store_->update_task("ann", task.id, {.inputs = "[]"}))->version.number, 2);
  model::Limits limits;
  limits.cpus = 0.25;
  const auto third = await(store_->update_task("ann", task.id, {.limits = limits}));
  EXPECT_EQ(third->version.number, 3);
  EXPECT_EQ(third->version.limits, limits);
  EXPECT_EQ(third->version.inputs, "[]");
}

TEST_P(StoreContract, UpdateOfTheRest_KeepsTheVersionAndAbsentFields) {
  const model::Task task = create(task_of("ann"));
  const std::vector<std::string> tags = {"a", "b"};
  const auto updated = await(store_->update_task(
      "ann", task.id, {.description = "d", .tags = tags, .estimated_duration_s = 2.5}));
  ASSERT_TRUE(updated);
  const auto got = await(store_->get_task("ann", task.id, std::nullopt));
  EXPECT_EQ(got->name, "beam");
  EXPECT_EQ(got->description, "d");
  EXPECT_EQ(got->tags, tags);
  EXPECT_EQ(got->estimated_duration_s, 2.5);
  EXPECT_EQ(got->version.number, 1);
}

TEST_P(StoreContract, ConcurrentUpdates_EachMakeAVersionOfTheirOwn) {
  const model::Task task = create(task_of("ann"));
  std::vector<awaitable<Result<model::Task>>> calls;
  for (int i = 0; i < 8; ++i) {
    calls.push_back(store_->update_task("ann", task.id, {.code = "v" + std::to_string(i)}));
  }
  std::set<int> numbers;
  for (const auto& updated : await_all(std::move(calls))) {
    numbers.insert(updated->version.number);
  }
  EXPECT_EQ(numbers, (std::set<int>{2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_P(StoreContract, DeletedTask_IsHiddenButItsRunsGoOn) {
  const model::Task task = create(task_of("ann"));
  const model::Run queued = submit(task);
  const model::Run started = submit(task);
  const model::Job job = claim(started.id);
  ASSERT_TRUE(await(store_->delete_task("ann", task.id)));
  EXPECT_EQ(await(store_->get_task("ann", task.id, std::nullopt)).error().code,
            ErrorCode::not_found);
  EXPECT_EQ(await(store_->delete_task("ann", task.id)).error().code, ErrorCode::not_found);
  EXPECT_EQ(await(store_->submit_run(run_of(task), std::nullopt)).error().code,
            ErrorCode::not_found);
  EXPECT_TRUE(await(store_->list_tasks("ann", {}))->items.empty());
  EXPECT_EQ(get(queued.id).status, model::RunStatus::queued);
  EXPECT_EQ(claim(queued.id).code, task.version.code);
  EXPECT_TRUE(*await(store_->record_end({started.id, job.attempt}, completed("1"))));
  EXPECT_EQ(get(started.id).status, model::RunStatus::completed);
  const auto latest = await(store_->latest_run("ann", task.id));
  ASSERT_TRUE(latest);
  EXPECT_EQ((*latest)->id, started.id);
}

TEST_P(StoreContract, ListTasks_IsNewestFirstWithoutDeletedAndAdHoc) {
  const model::Task first = create(task_of("ann"));
  const model::Task second = create(task_of("ann"));
  const model::Task third = create(task_of("ann"));
  create(task_of("bob"));
  model::Task ad_hoc = task_of("ann");
  ad_hoc.ad_hoc = true;
  ASSERT_TRUE(await(store_->submit_ad_hoc(ad_hoc, run_of(ad_hoc), std::nullopt)));
  ASSERT_TRUE(await(store_->delete_task("ann", second.id)));
  const auto page = await(store_->list_tasks("ann", {}));
  ASSERT_EQ(page->items.size(), 2U);
  EXPECT_EQ(page->items[0].id, third.id);
  EXPECT_EQ(page->items[1].id, first.id);
  EXPECT_EQ(page->next, "");
  EXPECT_TRUE(await(store_->get_task("ann", ad_hoc.id, std::nullopt))->ad_hoc);
}

TEST_P(StoreContract, TaskAsListed_HasAllButCodeAndInputs) {
  const model::Task made = create(task_of("ann"));
  const auto page = await(store_->list_tasks("ann", {}));
  ASSERT_EQ(page->items.size(), 1U);
  const model::Task& listed = page->items[0];
  EXPECT_EQ(listed.version.code, "");
  EXPECT_EQ(listed.version.inputs, "");
  EXPECT_EQ(listed.name, made.name);
  EXPECT_EQ(listed.version.number, 1);
  EXPECT_EQ(listed.version.limits.timeout_s, made.version.limits.timeout_s);
  EXPECT_EQ(listed.updated_at, made.updated_at);
}

TEST_P(StoreContract, PagesOver120Tasks_AreCompleteWhileNewOnesArrive) {
  std::set<std::string> made;
  for (int i = 0; i < 120; ++i) made.insert(create(task_of("ann")).id.str());
  std::vector<std::string> seen;
  PageRequest request{.after = "", .limit = 50};
  std::vector<std::size_t> sizes;
  do {
    const auto page = await(store_->list_tasks("ann", request));
    sizes.push_back(page->items.size());
    for (const model::Task& task : page->items) seen.push_back(task.id.str());
    request.after = page->next;
    create(task_of("ann"));  // a page that was begun does not shift
  } while (!request.after.empty());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{50, 50, 20}));
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()), made);
  EXPECT_TRUE(std::ranges::is_sorted(seen, std::greater<>()));
}

TEST_P(StoreContract, LastPageThatIsFull_HasNoNext) {
  for (int i = 0; i < 4; ++i) create(task_of("ann"));
  const auto page = await(store_->list_tasks("ann", {.after = "", .limit = 4}));
  EXPECT_EQ(page->items.size(), 4U);
  EXPECT_EQ(page->next, "");
}

TEST_P(StoreContract, PagesOfLongDescriptions_EndEarlierAndAreComplete) {
  std::vector<std::string> made;
  for (const std::size_t size : {kPageTextBytes / 2, kPageTextBytes / 3, 2 * kPageTextBytes}) {
    model::Task task = task_of("ann");
    task.description = std::string(size, 'd');
    made.insert(made.begin(), create(task).id.str());
  }
  std::vector<std::vector<std::string>> pages;
  PageRequest request;
  do {
    const auto page = await(store_->list_tasks("ann", request));
    ASSERT_TRUE(page);
    pages.emplace_back();
    for (const model::Task& task : page->items) pages.back().push_back(task.id.str());
    request.after = page->next;
  } while (!request.after.empty());
  // One that is too long by itself has a page of its own.
  EXPECT_EQ(pages, (std::vector<std::vector<std::string>>{{made[0]}, {made[1], made[2]}}));
}

TEST_P(StoreContract, SameKeySameRequest_GivesTheTaskOfTheFirst) {
  const Idempotency key = key_of("k", "hash");
  const auto first = await(store_->create_task(task_of("ann"), key));
  const auto again = await(store_->create_task(task_of("ann"), key));
  ASSERT_TRUE(again);
  EXPECT_TRUE(first->created);
  EXPECT_FALSE(again->created);
  EXPECT_EQ(again->value.id, first->value.id);
  EXPECT_EQ(await(store_->list_tasks("ann", {}))->items.size(), 1U);
}

TEST_P(StoreContract, SameKeyOtherRequest_IsMismatchAndMakesNothing) {
  ASSERT_TRUE(await(store_->create_task(task_of("ann"), key_of("k", "one"))));
  EXPECT_EQ(await(store_->create_task(task_of("ann"), key_of("k", "two"))).error().code,
            ErrorCode::idempotency_mismatch);
  EXPECT_EQ(await(store_->list_tasks("ann", {}))->items.size(), 1U);
}

TEST_P(StoreContract, KeyOfATaskUsedForARun_IsMismatch) {
  const auto task = await(store_->create_task(task_of("ann"), key_of("k", "hash")));
  EXPECT_EQ(await(store_->submit_run(run_of(task->value), key_of("k", "hash"))).error().code,
            ErrorCode::idempotency_mismatch);
}

TEST_P(StoreContract, SameKeyOfAnotherUser_IsAnotherKey) {
  ASSERT_TRUE(await(store_->create_task(task_of("ann"), key_of("k", "hash"))));
  const auto bob = await(store_->create_task(task_of("bob"), key_of("k", "other")));
  ASSERT_TRUE(bob);
  EXPECT_TRUE(bob->created);
}

TEST_P(StoreContract, ConcurrentCreatesWithOneKey_MakeOneTask) {
  std::vector<awaitable<Result<Created<model::Task>>>> calls;
  for (int i = 0; i < 16; ++i) {
    calls.push_back(store_->create_task(task_of("ann"), key_of("k", "hash")));
  }
  int created = 0;
  std::set<std::string> ids;
  for (const auto& made : await_all(std::move(calls))) {
    created += made->created ? 1 : 0;
    ids.insert(made->value.id.str());
  }
  EXPECT_EQ(created, 1);
  EXPECT_EQ(ids.size(), 1U);
  EXPECT_EQ(await(store_->list_tasks("ann", {}))->items.size(), 1U);
}

TEST_P(StoreContract, TaskMadeBy_FindsWhatAKeyMadeAndTakesNoKey) {
  const Idempotency key = key_of("k", "hash");
  EXPECT_FALSE(await(store_->task_made_by("ann", key))->has_value());
  const auto made = await(store_->create_task(task_of("ann"), key));
  ASSERT_TRUE(made->created);  // looking did not take the key
  const auto found = await(store_->task_made_by("ann", key));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->id, made->value.id);
  EXPECT_EQ(await(store_->task_made_by("ann", key_of("k", "other"))).error().code,
            ErrorCode::idempotency_mismatch);
  EXPECT_EQ(await(store_->run_made_by("ann", key)).error().code, ErrorCode::idempotency_mismatch);
  EXPECT_FALSE(await(store_->task_made_by("bob", key))->has_value());
}

TEST_P(StoreContract, PrunedKey_IsFreeAgain) {
  const auto first = await(store_->create_task(task_of("ann"), key_of("old", "hash")));
  advance(seconds(10));
  const auto second = await(store_->create_task(task_of("ann"), key_of("new", "hash")));
  ASSERT_TRUE(await(store_->prune_idempotency(seconds(5))));
  const auto old_again = await(store_->create_task(task_of("ann"), key_of("old", "hash")));
  const auto new_again = await(store_->create_task(task_of("ann"), key_of("new", "hash")));
  EXPECT_TRUE(old_again->created);
  EXPECT_NE(old_again->value.id, first->value.id);
  EXPECT_FALSE(new_again->created);
  EXPECT_EQ(new_again->value.id, second->value.id);
}

TEST_P(StoreContract, DuplicateTaskId_IsConflictAndKeepsTheFirst) {
  const model::Task task = create(task_of("ann"));
  model::Task other = task_of("bob");
  other.id = task.id;
  EXPECT_EQ(await(store_->create_task(other, key_of("k", "h"))).error().code, ErrorCode::conflict);
  EXPECT_EQ(await(store_->get_task("ann", task.id, std::nullopt))->user, "ann");
  other.id = model::TaskId::make();  // the failed call did not take the key
  EXPECT_TRUE(await(store_->create_task(other, key_of("k", "h2")))->created);
}

}  // namespace
}  // namespace mecapy::store
