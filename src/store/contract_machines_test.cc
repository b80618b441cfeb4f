// The contract of every store: runs that want a machine of their own, and the machines.
#include "store/machine_contract.h"
#include "store/test_run.h"

namespace mecapy::store {
namespace {

using model::Machine;
using model::MachineState;
using model::RunStatus;
using std::chrono::seconds;

TEST_P(MachineContract, ALongRun_IsNotTheDispatchers) {
  const model::Run run = long_run();
  EXPECT_EQ(get(run.id).backend, model::kDedicated);
  EXPECT_EQ(get(run.id).estimate->seconds, 7200);
  EXPECT_EQ(get(run.id).estimate->from, "caller");
  EXPECT_TRUE(await(store_->queued_runs("", 10))->empty());
  EXPECT_FALSE(await(store_->claim(run.id, "serve-1", seconds(30)))->has_value());
  const auto wanted = await(machines().wanted(10)).value();
  ASSERT_EQ(wanted.size(), 1u);
  EXPECT_EQ(wanted[0].run_id, run.id);
  EXPECT_EQ(wanted[0].user, "ann");
  EXPECT_EQ(wanted[0].tried, 0);
}

TEST_P(MachineContract, ARunHasOneLiveMachine) {
  const model::Run run = long_run();
  const Machine first = intended(run.id);
  EXPECT_TRUE(await(machines().wanted(10))->empty());
  EXPECT_FALSE(await(machines().intend(intent_of(machine_for(run.id), "serve-2"))).value());
  ASSERT_TRUE(change(first, MachineState::intended, MachineState::placing));
  ASSERT_TRUE(change(first, MachineState::placing, MachineState::ending));
  EXPECT_EQ(await(machines().wanted(10))->at(0).tried, 0);  // it was refused
  EXPECT_TRUE(await(machines().intend(intent_of(machine_for(run.id), "serve-2"))).value());
}

TEST_P(MachineContract, ConcurrentIntents_GiveOne) {
  const model::Run run = long_run();
  std::vector<awaitable<Result<bool>>> calls;
  for (int i = 0; i < 8; ++i) {
    calls.push_back(
        machines().intend(intent_of(machine_for(run.id), "serve-" + std::to_string(i))));
  }
  int made = 0;
  for (const auto& one : await_all(std::move(calls))) made += one.value() ? 1 : 0;
  EXPECT_EQ(made, 1);
}

TEST_P(MachineContract, NoIntent_ForARunThatIsOverOrShort) {
  const model::Run run = long_run();
  ASSERT_TRUE(await(store_->request_cancel("ann", run.id)));
  EXPECT_FALSE(await(machines().intend(intent_of(machine_for(run.id), "serve-1"))).value());
  const model::Run other = submit(create(task_of("ann")));
  EXPECT_FALSE(await(machines().intend(intent_of(machine_for(other.id), "serve-1"))).value());
}

TEST_P(MachineContract, AWorkerThatCallsHome_HasTheRunOnce) {
  const model::Run run = long_run();
  const Machine machine = booting(run.id);
  const auto job = take(machine, "w1");
  ASSERT_TRUE(job);
  EXPECT_EQ(job->run_id, run.id);
  EXPECT_EQ(job->attempt, 1);
  EXPECT_EQ(job->code, "def calculate(inputs):\n    return {}\n");
  EXPECT_EQ(get(run.id).status, RunStatus::running);
  EXPECT_FALSE(take(machine, "w2"));  // the machine booted twice
  const auto again = take(machine, "w1");
  ASSERT_TRUE(again);  // its answer was lost
  EXPECT_EQ(again->attempt, 1);
  const auto kept = keep();
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].machine.state, MachineState::working);
  EXPECT_EQ(kept[0].machine.called_at, now());
  EXPECT_TRUE(kept[0].wanted());
}

TEST_P(MachineContract, AMachineThatIsEnded_GetsNoRun) {
  const model::Run run = long_run();
  const Machine machine = booting(run.id);
  ASSERT_TRUE(change(machine, MachineState::booting, MachineState::ending));
  EXPECT_FALSE(take(machine));
  EXPECT_EQ(get(run.id).attempt, 0);
}

TEST_P(MachineContract, ARunThatWasCancelled_IsNotTaken) {
  const model::Run run = long_run();
  const Machine machine = booting(run.id);
  ASSERT_TRUE(await(store_->request_cancel("ann", run.id)));
  EXPECT_FALSE(take(machine));
  EXPECT_FALSE(keep().at(0).wanted());
}

TEST_P(MachineContract, ALeaseAtHome_IsExtendedByItsMachineAndEndsLikeAnyOther) {
  const model::Run run = long_run();
  const Machine machine = booting(run.id);
  ASSERT_TRUE(take(machine));
  const Lease lease{run.id, 1};
  const std::string claimant = model::claimant_of(machine.id);
  advance(seconds(50));
  EXPECT_TRUE(await(store_->extend_leases(claimant, {lease}, seconds(60)))->lost.empty());
  advance(seconds(50));
  EXPECT_TRUE(await(machines().dead_at_home(10))->empty());
  EXPECT_TRUE(await(store_->dead_leases("another", 10))->empty());
  advance(seconds(11));
  EXPECT_TRUE(await(store_->dead_leases("another", 10))->empty());
  ASSERT_EQ(await(machines().dead_at_home(10))->size(), 1u);
  ASSERT_TRUE(await(machines().renew_at_home(seconds(60))));
  EXPECT_TRUE(await(machines().dead_at_home(10))->empty());
  ASSERT_TRUE(await(store_->requeue({lease, {model::OutcomeCode::worker_lost, "gone"}, {}})));
  EXPECT_FALSE(keep().at(0).wanted());
  EXPECT_FALSE(await(store_->record_end(lease, completed("1"))).value());
}

TEST_P(MachineContract, TheEndOfItsAttempt_IsRecordedOnce) {
  const model::Run run = long_run();
  const Machine machine = booting(run.id);
  ASSERT_TRUE(take(machine));
  EXPECT_TRUE(await(store_->record_end({run.id, 1}, completed("1"))).value());
  EXPECT_FALSE(await(store_->record_end({run.id, 1}, completed("2"))).value());
  EXPECT_FALSE(keep().at(0).wanted());
}

TEST_P(MachineContract, AToken_EndsWithItsAttempt) {
  const auto known = [&](const Machine& machine) {
    return await(machines().by_token(machine.token_hash)).value().has_value();
  };
  const Machine first = booting(long_run().id);
  EXPECT_TRUE(known(first));
  ASSERT_TRUE(take(first));
  EXPECT_TRUE(known(first));
  ASSERT_TRUE(await(store_->record_end({first.run_id, 1}, completed("1"))).value());
  EXPECT_FALSE(known(first));
  const Machine second = booting(long_run().id);
  ASSERT_TRUE(take(second));
  ASSERT_TRUE(
      await(store_->requeue({{second.run_id, 1}, {model::OutcomeCode::worker_lost, "gone"}, {}})));
  EXPECT_FALSE(known(second));
}

TEST_P(MachineContract, Silence_AndALongLife_AreTold) {
  const Machine silent = booting(long_run().id);
  const Machine working = booting(long_run().id);
  ASSERT_TRUE(take(working));
  advance(std::chrono::minutes(6));
  auto kept = keep("serve-2");
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].machine.id, silent.id);
  EXPECT_TRUE(kept[0].silent);
  EXPECT_FALSE(kept[1].silent);
  EXPECT_FALSE(kept[1].outlived);
  advance(std::chrono::minutes(55));
  EXPECT_TRUE(keep("serve-2")[1].outlived);
}

TEST_P(MachineContract, CareGoesToAnother_WhenItsKeeperIsSilent) {
  const Machine machine = intended(long_run().id, "serve-1");
  EXPECT_TRUE(keep("serve-2").empty());
  advance(kCare / 2);
  EXPECT_EQ(keep("serve-1").size(), 1u);  // and has it for longer
  advance(kCare * 3 / 4);
  EXPECT_TRUE(keep("serve-2").empty());
  advance(kCare);
  ASSERT_EQ(keep("serve-2").size(), 1u);
  EXPECT_FALSE(change(machine, MachineState::intended, MachineState::placing, "serve-1"));
  EXPECT_TRUE(change(machine, MachineState::intended, MachineState::placing, "serve-2"));
}

TEST_P(MachineContract, CareIsTakenOver_FromProcessesThatAreDead) {
  const Machine machine = intended(long_run().id, "serve-1");
  ASSERT_TRUE(await(machines().take_over("serve-2", kCare)));
  EXPECT_TRUE(keep("serve-1").empty());
  ASSERT_EQ(keep("serve-2").size(), 1u);
  EXPECT_TRUE(change(machine, MachineState::intended, MachineState::placing, "serve-2"));
}

TEST_P(MachineContract, AChange_KeepsWhatItDoesNotName) {
  const Machine machine = intended(long_run().id);
  MachineChange change{machine.id, "serve-1", MachineState::intended, MachineState::placing};
  change.parts = R"({"server":"s-1"})";
  change.said = "starting";
  ASSERT_TRUE(await(machines().change(change)).value());
  EXPECT_FALSE(await(machines().change(change)).value());  // it is not intended any more
  ASSERT_TRUE(this->change(machine, MachineState::placing, MachineState::ending));
  const Machine left = await(machines().left())->at(0);
  EXPECT_EQ(left.parts, R"({"server":"s-1"})");
  EXPECT_EQ(left.said, "starting");
  EXPECT_EQ(left.ending_at, now());
  ASSERT_TRUE(this->change(machine, MachineState::ending, MachineState::gone));
  EXPECT_TRUE(await(machines().left())->empty());
  const auto found = await(machines().by_token(machine.token_hash)).value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->state, MachineState::gone);
  EXPECT_EQ(found->gone_at, now());
  EXPECT_FALSE(await(machines().by_token("another")).value());
}

TEST_P(MachineContract, WhyARunWaits_IsToldUntilItRuns) {
  const model::Run run = long_run();
  ASSERT_TRUE(await(machines().tell_waiting(run.id, "4 of 4 machines are in use")));
  EXPECT_EQ(get(run.id).waiting, "4 of 4 machines are in use");
  ASSERT_TRUE(take(booting(run.id)));
  EXPECT_EQ(get(run.id).waiting, "");
  ASSERT_TRUE(await(machines().tell_waiting(run.id, "late")));
  EXPECT_EQ(get(run.id).waiting, "");
}

TEST_P(MachineContract, AMovedRun_WantsAMachine_Once) {
  const model::Task task = create(task_of("ann"));
  model::Run run = run_of(task);
  run.backend = model::kServerless;
  run = await(store_->submit_run(run, std::nullopt)).value().value;
  claim(run.id);
  const model::Failure why{model::OutcomeCode::timeout, "600 s are the most there"};
  EXPECT_TRUE(await(store_->move({run.id, 1}, why)).value());
  EXPECT_FALSE(await(store_->move({run.id, 1}, why)).value());
  model::Run moved = get(run.id);
  EXPECT_EQ(moved.status, RunStatus::queued);
  EXPECT_EQ(moved.backend, model::kDedicated);
  EXPECT_EQ(moved.moved_from, model::kServerless);
  EXPECT_EQ(moved.end.failure->message, "600 s are the most there");
  const Machine machine = booting(run.id);
  ASSERT_TRUE(take(machine));
  EXPECT_EQ(get(run.id).attempt, 2);
  EXPECT_FALSE(await(store_->move({run.id, 2}, why)).value());
}

TEST_P(MachineContract, AMachineThatNeverCalledHome_IsATry_AndARunMayBeGivenUp) {
  const model::Run run = long_run();
  const Machine machine = booting(run.id);
  ASSERT_TRUE(change(machine, MachineState::booting, MachineState::ending));
  EXPECT_EQ(await(machines().wanted(10))->at(0).tried, 1);
  const model::Failure why{model::OutcomeCode::backend_unavailable, "none called home"};
  EXPECT_TRUE(await(machines().give_up(run.id, why)).value());
  EXPECT_FALSE(await(machines().give_up(run.id, why)).value());
  EXPECT_EQ(get(run.id).status, RunStatus::failed);
  EXPECT_EQ(get(run.id).end.failure->message, "none called home");
  EXPECT_TRUE(await(machines().wanted(10))->empty());
}

TEST_P(MachineContract, DurationsOfAVersion_AreItsCompletedRuns) {
  const model::Task task = create(task_of("ann"));
  for (const int seconds_taken : {3, 5}) {
    const model::Run run = submit(task);
    claim(run.id);
    model::RunEnd end = completed("1");
    end.usage.wall_us = seconds_taken * 1'000'000;
    ASSERT_TRUE(await(store_->record_end({run.id, 1}, end)).value());
  }
  const model::Run bad = submit(task);
  claim(bad.id);
  ASSERT_TRUE(await(store_->record_end({bad.id, 1}, failed(model::OutcomeCode::user_error))));
  const std::vector<std::chrono::microseconds> both{seconds(5), seconds(3)};
  EXPECT_EQ(await(store_->durations(task.id, 1, 10)).value(), both);
  EXPECT_EQ(await(store_->durations(task.id, 1, 1))->size(), 1u);
  EXPECT_TRUE(await(store_->durations(task.id, 2, 10))->empty());
}

TEST_P(MachineContract, AnyIsLeft_UntilMachinesAreGone_AndTheirRunsHaveEnded) {
  const auto any = [&] { return await(machines().any_left()).value(); };
  EXPECT_FALSE(any());
  const model::Run other = await(store_->submit_run(run_of(create(task_of("ann"))), std::nullopt))
                               .value()
                               .value;  // of another backend
  EXPECT_FALSE(any());
  const model::Run run = long_run();
  EXPECT_TRUE(any());  // it waits
  const Machine machine = booting(run.id);
  ASSERT_TRUE(take(machine));
  ASSERT_TRUE(change(machine, MachineState::working, MachineState::ending));
  ASSERT_TRUE(change(machine, MachineState::ending, MachineState::gone));
  EXPECT_TRUE(any());  // it runs
  model::RunEnd end;
  end.status = model::RunStatus::completed;
  ASSERT_TRUE(await(store_->record_end({run.id, 1}, end)).value());
  EXPECT_FALSE(any());
  intended(long_run().id);
  EXPECT_TRUE(any());
}

// What is cut to size costs by it.
TEST_P(MachineContract, AMachine_IsToldWithTheLimitsOfItsRun) {
  auto [task, run] = test_run();
  run.backend = model::kDedicated;
  task.version.limits.cpus = 3;
  task.version.limits.memory_mb = 2048;
  ASSERT_TRUE(await(store_->submit_ad_hoc(task, run, std::nullopt)));
  intended(run.id);
  for (const Machine& told :
       {await(machines().left())->at(0), await(machines().page({"", 2})).value().items.at(0)}) {
    EXPECT_EQ(told.limits.cpus, 3);
    EXPECT_EQ(told.limits.memory_mb, 2048);
  }
}

TEST_P(MachineContract, APage_HasThoseThatAreNotGone_NewestFirst) {
  std::vector<model::MachineId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(intended(long_run().id).id);
  store::MachineChange gone{ids[2], "serve-1", MachineState::intended, MachineState::gone};
  ASSERT_TRUE(await(machines().change(gone)).value());
  const auto first = await(machines().page({"", 2})).value();
  ASSERT_EQ(first.items.size(), 2u);
  EXPECT_EQ(first.items[0].id, ids[3]);
  EXPECT_EQ(first.items[1].id, ids[1]);
  EXPECT_EQ(first.next, ids[1].str());
  EXPECT_EQ(first.now, now());
  const auto last = await(machines().page({first.next, 2})).value();
  ASSERT_EQ(last.items.size(), 1u);
  EXPECT_EQ(last.items[0].id, ids[0]);
  EXPECT_EQ(last.next, "");
}

}  // namespace

}  // namespace mecapy::store
