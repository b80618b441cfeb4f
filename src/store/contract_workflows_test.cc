// The contract of every store: workflows, their runs, and the steps of these.
#include "store/workflow_contract.h"

namespace mecapy::store {
namespace {

using model::NodeStatus;
using model::WorkflowStatus;
using std::chrono::seconds;

TEST_P(WorkflowContract, AWorkflow_IsKeptInVersions) {
  const model::KeptWorkflow made = kept();
  EXPECT_EQ(made.version, 1);
  EXPECT_EQ(made.created_at, now());
  advance(seconds(1));
  const auto updated = await(
      workflows().update("ann", made.id, {.name = "joint 2", .definition_json = R"({"n": 1.0})"}));
  ASSERT_TRUE(updated);
  EXPECT_EQ(updated->version, 2);
  EXPECT_EQ(updated->updated_at, now());
  const auto first = await(workflows().get("ann", made.id, 1));
  EXPECT_EQ(first->definition_json, made.definition_json);
  EXPECT_EQ(first->name, "joint 2");
  EXPECT_EQ(await(workflows().get("ann", made.id, std::nullopt))->definition_json, R"({"n": 1.0})");
  EXPECT_EQ(await(workflows().update("ann", made.id, {.description = "d"}))->version, 2);
  EXPECT_FALSE(await(workflows().get("ann", made.id, 3)));
}

TEST_P(WorkflowContract, AnothersWorkflow_IsNotThere_NorADeletedOne) {
  const model::KeptWorkflow made = kept();
  const auto code = [](const auto& result) { return result.error().code; };
  EXPECT_EQ(code(await(workflows().get("bob", made.id, std::nullopt))), ErrorCode::not_found);
  EXPECT_EQ(code(await(workflows().update("bob", made.id, {.name = "x"}))), ErrorCode::not_found);
  EXPECT_EQ(code(await(workflows().remove("bob", made.id))), ErrorCode::not_found);
  EXPECT_EQ(code(await(workflows().latest_run("bob", made.id))), ErrorCode::not_found);
  EXPECT_EQ(await(workflows().list("bob", {}))->items.size(), 0U);
  EXPECT_EQ(await(workflows().list("ann", {}))->items.size(), 1U);
  EXPECT_TRUE(await(workflows().remove("ann", made.id)));
  EXPECT_EQ(code(await(workflows().get("ann", made.id, std::nullopt))), ErrorCode::not_found);
  EXPECT_EQ(await(workflows().list("ann", {}))->items.size(), 0U);
  model::WorkflowRun run = run_of(made, create(task_of("ann")));
  EXPECT_EQ(code(await(workflows().begin(run, care(), std::nullopt))), ErrorCode::not_found);
}

TEST_P(WorkflowContract, AKey_LeadsToWhatItMade) {
  const auto key = key_of("k", "h");
  const auto made = await(workflows().create(workflow_of("ann"), key)).value().value;
  const auto again = await(workflows().create(workflow_of("ann"), key)).value();
  EXPECT_FALSE(again.created);
  EXPECT_EQ(again.value.id, made.id);
  EXPECT_EQ(await(workflows().made_by("ann", key)).value()->id, made.id);
  const auto run_key = key_of("r", "h");
  const auto run = run_of(made, create(task_of("ann")));
  EXPECT_TRUE(await(workflows().begin(run, care(), run_key)).value().created);
  const auto same = await(workflows().begin(run_of(made, task_), care(), run_key)).value();
  EXPECT_FALSE(same.created);
  EXPECT_EQ(same.value.id, run.id);
  EXPECT_EQ(await(workflows().run_made_by("ann", run_key)).value()->nodes.size(), 2U);
  EXPECT_EQ(await(workflows().run_made_by("ann", key)).error().code,
            ErrorCode::idempotency_mismatch);
}

TEST_P(WorkflowContract, AStep_ChangesAllItSaysAndBeginsItsRuns_Once) {
  model::WorkflowRun run = begun();
  run.state.nodes[0] = {NodeStatus::running, 1, 1, 0, {0}, false};
  run.state.nodes[1] = {NodeStatus::running, 9, 7, 2, {4, 6}, true};
  const model::Run first = node_run(run, 0, 0);
  run.nodes[0].run_id = first.id;
  run.nodes[1].reused = 3;
  run.nodes[1].fresh_since = 2;
  run.nodes[1].tries = {{4, 1}, {6, 2}};
  run.nodes[1].error = model::NodeError{"timeout", "too long", first.id, 5};
  run.nodes[1].started_at = now();
  WorkflowStep wanted{run, {0, 1}, "", {first}};
  const Stepped stepped = step(wanted);
  ASSERT_TRUE(stepped.done);
  ASSERT_EQ(stepped.begun.size(), 1U);
  EXPECT_EQ(stepped.begun[0].status, model::RunStatus::queued);
  const model::WorkflowRun read = load(run.id);
  EXPECT_EQ(read.revision, 2);
  EXPECT_EQ(read.inputs.inline_bytes, R"({"bolt":1.0})");
  EXPECT_EQ(read.state.nodes[0].open, std::vector<std::size_t>{0});
  EXPECT_EQ(read.nodes[0].run_id, first.id);
  const model::NodeState& list = read.state.nodes[1];
  EXPECT_EQ(list.status, NodeStatus::running);
  EXPECT_EQ(list.elements, 9U);
  EXPECT_EQ(list.begun, 7U);
  EXPECT_EQ(list.failed, 2U);
  EXPECT_EQ(list.open, (std::vector<std::size_t>{4, 6}));
  EXPECT_TRUE(list.by_default);
  const model::NodeRecord& record = read.nodes[1];
  EXPECT_EQ(record.task_id, task_.id);
  EXPECT_EQ(record.reused, 3U);
  EXPECT_EQ(record.fresh_since, 2);
  EXPECT_EQ(record.tries, (std::map<std::size_t, int>{{4, 1}, {6, 2}}));
  EXPECT_EQ(record.error->code, "timeout");
  EXPECT_EQ(record.error->run_id, first.id);
  EXPECT_EQ(record.error->element, 5U);
  EXPECT_EQ(record.started_at, now());
  EXPECT_EQ(record.changed, 2);
  // The same step again finds another revision; its run is not made twice.
  EXPECT_FALSE(step(wanted).done);
  EXPECT_EQ(await(store_->list_runs("ann", {}, {}))->items.size(), 1U);
}

TEST_P(WorkflowContract, ARunThatIsRefused_LeavesNothingOfItsStep) {
  model::WorkflowRun run = begun();
  model::Run good = node_run(run, 0, 0);
  model::Run bad = node_run(run, 1, 0);
  bad.version = 9;
  const Stepped stepped = step({run, {0, 1}, "", {good, bad}});
  EXPECT_FALSE(stepped.done);
  ASSERT_TRUE(stepped.refused);
  EXPECT_EQ(stepped.refused->which, 1U);
  EXPECT_EQ(stepped.refused->why.code, ErrorCode::not_found);
  EXPECT_EQ(load(run.id).revision, 1);
  EXPECT_FALSE(await(store_->get_run("ann", good.id)));
}

TEST_P(WorkflowContract, ARunWithLimitsOfItsOwn_HasThoseInItsJob) {
  const model::WorkflowRun run = begun();
  model::Run own = node_run(run, 0, 0);
  own.limits = task_.version.limits;
  own.limits->memory_mb = 123;
  ASSERT_TRUE(step({run, {}, "", {own, node_run(run, 1, 0)}}).done);
  EXPECT_EQ(claim(own.id).limits.memory_mb, 123);
}

TEST_P(WorkflowContract, CareOfWhatNobodyTakesCareOf_IsTaken_ByOne) {
  const model::WorkflowRun run = begun();
  EXPECT_TRUE(await(workflows().take(care("serve-2"), false, 10)).value().empty());
  advance(seconds(20));
  ASSERT_TRUE(await(workflows().extend(care())));
  advance(seconds(20));
  EXPECT_TRUE(await(workflows().take(care("serve-2"), false, 10)).value().empty());
  advance(seconds(20));
  EXPECT_EQ(await(workflows().take(care("serve-2"), false, 10)).value().size(), 1U);
  EXPECT_TRUE(await(workflows().take(care("serve-3"), false, 10)).value().empty());
  EXPECT_FALSE(await(workflows().load(run.id, "serve-1")));
  EXPECT_FALSE(step({run, {0}}).done);
  // Who has the database alone takes it at once.
  EXPECT_EQ(await(workflows().take(care("serve-3"), true, 10)).value().size(), 1U);
  EXPECT_TRUE(await(workflows().take(care("serve-3"), true, 10)).value().empty());
}

TEST_P(WorkflowContract, ACancel_IsSeenByWhoTakesCare_AndIsTooLateAfterTheEnd) {
  model::WorkflowRun run = begun();
  EXPECT_FALSE(await(workflows().request_cancel("bob", run.id)));
  EXPECT_TRUE(await(workflows().request_cancel("ann", run.id)).value().cancel_requested);
  EXPECT_TRUE(load(run.id).cancel_requested);
  run.state.status = WorkflowStatus::cancelled;
  ASSERT_TRUE(step({run, {}}).done);
  EXPECT_EQ(await(workflows().request_cancel("ann", run.id)).error().code, ErrorCode::conflict);
  EXPECT_FALSE(step({run, {}}).done);
  const auto read = await(workflows().get_run("ann", run.id)).value();
  EXPECT_EQ(read.finished_at, now());
}

TEST_P(WorkflowContract, AnEndedOne_IsResumedOnce) {
  model::WorkflowRun run = begun();
  run.state.status = WorkflowStatus::failed;
  run.error = model::NodeError{"timeout", "too long", {}, {}};
  run.failed_node = "k";
  run.state.nodes[0].status = NodeStatus::failed;
  ASSERT_TRUE(step({run, {0}}).done);
  run = await(workflows().get_run("ann", run.id)).value();
  EXPECT_EQ(run.error->code, "timeout");
  EXPECT_EQ(run.failed_node, "k");
  EXPECT_FALSE(run.resumed_at);
  run.attempt = 2;
  run.state.nodes[0].status = NodeStatus::waiting;
  EXPECT_TRUE(await(workflows().resume(run, care("serve-2"))).value());
  EXPECT_FALSE(await(workflows().resume(run, care("serve-2"))).value());
  const model::WorkflowRun read = load(run.id, "serve-2");
  EXPECT_EQ(read.attempt, 2);
  EXPECT_EQ(read.resumed_at, now());
  EXPECT_EQ(read.state.status, WorkflowStatus::running);
  EXPECT_EQ(read.state.nodes[0].status, NodeStatus::waiting);
  EXPECT_EQ(read.revision, 3);
  EXPECT_FALSE(read.error);
  EXPECT_FALSE(read.finished_at);
}

TEST_P(WorkflowContract, TheLastRunOfEachElement_Counts_WithItsResult) {
  model::WorkflowRun run = begun();
  const model::Run first = node_run(run, 1, 0);
  const model::Run failed_one = node_run(run, 1, 1);
  const model::Run again = node_run(run, 1, 1, 2);
  ASSERT_TRUE(step({run, {}, "", {first, failed_one, again, node_run(run, 0, 0)}}).done);
  for (const model::Run& one : {first, again}) {
    const model::Job job = claim(one.id);
    ASSERT_TRUE(await(store_->record_end({one.id, job.attempt}, completed(R"({"n": 1.0})"))));
  }
  auto all = await(workflows().element_runs(run.id, 1, -1, 10)).value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].run.id, first.id);
  EXPECT_EQ(all[1].run.id, again.id);
  EXPECT_EQ(all[1].element, 1);
  EXPECT_EQ(all[1].run.status, model::RunStatus::completed);
  EXPECT_EQ(all[1].run.end.result.inline_bytes, R"({"n": 1.0})");
  EXPECT_EQ(await(workflows().element_runs(run.id, 1, 0, 10)).value().size(), 1U);
  EXPECT_EQ(await(workflows().element_runs(run.id, 1, -1, 1)).value().size(), 1U);
  // One that an earlier run answered has that one's result.
  run = load(run.id);
  model::Run answered = node_run(run, 1, 2);
  answered.cached_from = first.id;
  ASSERT_TRUE(step({run, {}, "", {answered}}).done);
  all = await(workflows().element_runs(run.id, 1, 1, 10)).value();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].run.cached_from, first.id);
  EXPECT_EQ(all[0].run.end.result.inline_bytes, R"({"n": 1.0})");
}

TEST_P(WorkflowContract, RunsBeforeANodeWasBegunAnew_CountNoMore) {
  model::WorkflowRun run = begun();
  ASSERT_TRUE(
      step({run, {}, "", {node_run(run, 0, 0), node_run(run, 1, 0), node_run(run, 1, 1)}}).done);
  run = load(run.id);
  run.state.status = WorkflowStatus::failed;
  ASSERT_TRUE(step({run, {}}).done);
  run = await(workflows().get_run("ann", run.id)).value();
  run.attempt = 2;
  run.nodes[1].since = 2;
  ASSERT_TRUE(await(workflows().resume(run, care())).value());
  EXPECT_EQ(await(workflows().element_runs(run.id, 0, -1, 10)).value().size(), 1U);
  EXPECT_TRUE(await(workflows().element_runs(run.id, 1, -1, 10)).value().empty());
  run = load(run.id);
  EXPECT_EQ(run.nodes[1].since, 2);
  const model::Run anew = node_run(run, 1, 1);
  ASSERT_TRUE(step({run, {}, "", {anew}}).done);
  const auto all = await(workflows().element_runs(run.id, 1, -1, 10)).value();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].run.id, anew.id);
}

TEST_P(WorkflowContract, ARunAnswersItsOwnElement_SinceAnAttempt) {
  model::WorkflowRun run = begun();
  run.attempt = 2;
  model::Run one = node_run(run, 1, 3);
  one.cache_key = "key";
  ASSERT_TRUE(step({run, {}, "", {one}}).done);
  model::RunEnd end = completed("7");
  end.environment = "e";
  ASSERT_TRUE(await(store_->record_end({one.id, claim(one.id).attempt}, end)));
  const model::Run other = ended_run("key", end);  // of no workflow, and newer
  EXPECT_EQ(cached("ann", "key", "e")->id, other.id);

  const auto answer = [&](const std::string& user, const std::string& key,
                          const model::NodePlace& place) {
    CacheQuery query{key, "e", std::chrono::hours(1), place};
    const auto found = await(store_->cached_run(user, std::move(query))).value();
    return found ? found->id : model::RunId();
  };
  for (const int since : {1, 2}) EXPECT_EQ(answer("ann", "key", {run.id, 1, 3, since}), one.id);
  EXPECT_TRUE(answer("ann", "key", {run.id, 1, 3, 3}).empty());
  EXPECT_TRUE(answer("ann", "key", {run.id, 1, 2, 1}).empty());
  EXPECT_TRUE(answer("ann", "key", {run.id, 0, 3, 1}).empty());
  EXPECT_TRUE(answer("ann", "key", {begun().id, 1, 3, 1}).empty());
  EXPECT_TRUE(answer("ann", "other", {run.id, 1, 3, 1}).empty());
  EXPECT_TRUE(answer("bob", "key", {run.id, 1, 3, 1}).empty());
}

TEST_P(WorkflowContract, RunsOfNodes_AreToldAndListedApart) {
  const model::WorkflowRun run = begun();
  const model::Run first = node_run(run, 0, 0);
  const model::Run second = node_run(run, 1, 0);
  ASSERT_TRUE(step({run, {}, "", {first, second}}).done);
  const model::Run alone = submit(task_);
  claim(first.id);
  EXPECT_EQ(get(first.id).workflow_run, run.id);
  EXPECT_TRUE(get(alone.id).workflow_run.empty());
  const auto ids = [&](const RunFilter& filter) {
    std::set<model::RunId> found;
    const auto page = await(store_->list_runs("ann", filter, {}));
    for (const model::Run& one : page->items) found.insert(one.id);
    return found;
  };
  using Ids = std::set<model::RunId>;
  EXPECT_EQ(ids({}), (Ids{first.id, second.id, alone.id}));
  EXPECT_EQ(ids({.workflow_run = run.id}), (Ids{first.id, second.id}));
  EXPECT_EQ(ids({.workflow_run = model::WorkflowRunId()}), Ids{alone.id});
  EXPECT_EQ(ids({.status = model::RunStatus::running, .workflow_run = run.id}), Ids{first.id});
  EXPECT_EQ(ids({.task_id = model::TaskId::make(), .workflow_run = run.id}), Ids{});
  EXPECT_EQ(ids({.task_id = task_.id, .workflow_run = model::WorkflowRunId()}), Ids{alone.id});
}

TEST_P(WorkflowContract, ItsCost_IsThatOfItsRuns) {
  const model::WorkflowRun run = begun();
  EXPECT_FALSE(await(workflows().cost_eur(run.id)).value());
  const std::vector<model::Run> runs = {node_run(run, 0, 0), node_run(run, 1, 0)};
  ASSERT_TRUE(step({run, {}, "", runs}).done);
  double sum = 0;
  for (const model::Run& one : runs) {
    const model::Job job = claim(one.id);
    model::RunEnd end = completed("[1]");
    end.usage.wall_us = 2'000'000;
    ASSERT_TRUE(await(store_->record_end({one.id, job.attempt}, end)));
    ASSERT_TRUE(get(one.id).cost);
    EXPECT_GT(get(one.id).cost->eur, 0);
    sum += get(one.id).cost->eur;
  }
  EXPECT_NEAR(await(workflows().cost_eur(run.id)).value().value(), sum, 1e-12);
}

TEST_P(WorkflowContract, EndsOfRuns_AreToldWithWhy) {
  const model::WorkflowRun run = begun();
  const model::Run one = node_run(run, 0, 0);
  ASSERT_TRUE(step({run, {}, "", {one}}).done);
  const model::Job job = claim(one.id);
  ASSERT_TRUE(
      await(store_->record_end({one.id, job.attempt}, failed(model::OutcomeCode::timeout))));
  const auto ends = await(workflows().run_ends({one.id, model::RunId::make()}, true)).value();
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends[0].status, model::RunStatus::failed);
  EXPECT_EQ(ends[0].code, "timeout");
  EXPECT_EQ(ends[0].result.inline_bytes, "");
}

TEST_P(WorkflowContract, EndsOfRuns_HaveTheirResult_WhereItIsAskedFor) {
  const model::WorkflowRun run = begun();
  const model::Run small = node_run(run, 0, 0), large = node_run(run, 1, 0);
  ASSERT_TRUE(step({run, {}, "", {small, large}}).done);
  model::RunEnd end;
  end.status = model::RunStatus::completed;
  end.result = {"1", ""};
  ASSERT_TRUE(await(store_->record_end({small.id, claim(small.id).attempt}, end)));
  end.result = {"", "results/large.json"};
  ASSERT_TRUE(await(store_->record_end({large.id, claim(large.id).attempt}, end)));
  // One that an earlier run answers has no result in its own row.
  model::Run reused = node_run(run, 2, 0);
  reused.cached_from = small.id;
  model::WorkflowRun later = run;
  ++later.revision;
  const auto stepped = step({later, {}, "", {reused}});
  ASSERT_TRUE(stepped.done);
  ASSERT_EQ(stepped.begun.at(0).status, model::RunStatus::completed);
  const auto ends = await(workflows().run_ends({small.id, large.id, reused.id}, true)).value();
  EXPECT_EQ(ends.at(2).status, model::RunStatus::completed);
  EXPECT_EQ(ends.at(2).result.inline_bytes, "1");
  EXPECT_EQ(ends.at(0).result.inline_bytes, "1");
  EXPECT_EQ(ends.at(1).result.key, "results/large.json");
  for (const auto& without : await(workflows().run_ends({small.id, large.id}, false)).value()) {
    EXPECT_EQ(without.status, model::RunStatus::completed);
    EXPECT_EQ(without.result.inline_bytes + without.result.key, "");
  }
}

TEST_P(WorkflowContract, RunsAreListed_NewestFirst_ByWorkflowAndStatus) {
  model::WorkflowRun first = begun();
  const model::WorkflowRun second = begun();
  first.state.status = WorkflowStatus::completed;
  first.result = {R"({"margin":1.5})", ""};
  ASSERT_TRUE(step({first, {}}).done);
  const auto listed = [&](WorkflowRunFilter filter) {
    std::vector<model::WorkflowRunId> ids;
    const auto page = await(workflows().list_runs("ann", filter, {})).value();
    for (const auto& run : page.items) ids.push_back(run.id);
    return ids;
  };
  using Ids = std::vector<model::WorkflowRunId>;
  EXPECT_EQ(listed({}), (Ids{second.id, first.id}));
  EXPECT_EQ(listed({first.workflow_id, {}}), Ids{first.id});
  EXPECT_EQ(listed({{}, model::RunStatus::running}), Ids{second.id});
  EXPECT_EQ(listed({{}, model::RunStatus::completed}), Ids{first.id});
  EXPECT_EQ(listed({first.workflow_id, model::RunStatus::running}), Ids{});
  const auto latest = await(workflows().latest_run("ann", first.workflow_id)).value();
  EXPECT_EQ(latest->result.inline_bytes, R"({"margin":1.5})");
  EXPECT_FALSE(await(workflows().latest_run("ann", kept().id)).value());
}

TEST_P(WorkflowContract, ObjectsOfARunOfAWorkflow_AreKnown) {
  model::WorkflowRun run = begun();
  run.state.status = WorkflowStatus::completed;
  run.result = {"", "results/" + run.id.str() + ".json"};
  ASSERT_TRUE(step({run, {}}).done);
  const auto id = model::as_run(run.id);
  const auto objects = await(store_->run_objects({id})).value();
  ASSERT_EQ(objects.size(), 1U);
  EXPECT_EQ(objects[0].keys, std::vector<std::string>{run.result.key});
  EXPECT_FALSE(objects[0].ended);
}

}  // namespace
}  // namespace mecapy::store
