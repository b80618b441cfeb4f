// The contract of every store: what runs cost, the sums of it, and budgets.
#include <random>

#include "store/cost_contract.h"

namespace mecapy::store {
namespace {

using model::Cost;
using model::Machine;
using model::MachineState;
using model::OutcomeCode;
using model::RunStatus;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_P(CostContract, AnEnd_KeepsWhatTheRunCost) {
  const model::Run run = submit_to(create(task_of("ann")), model::kLocal);
  EXPECT_FALSE(get(run.id).cost);
  claim(run.id);
  record(run.id, 1, used(completed("1"), seconds(30)));
  const Cost kept = cost(run.id);
  EXPECT_EQ(kept.eur, 0.3);
  EXPECT_TRUE(kept.complete);
  EXPECT_EQ(kept.why, "");
  EXPECT_EQ(kept.prices_of, "2026-01");
  ASSERT_EQ(kept.components.size(), 1U);
  EXPECT_EQ(kept.components[0].name, "vcpu");
  EXPECT_EQ(kept.components[0].item, "local.vcpu");
  EXPECT_EQ(kept.components[0].quantity, 30);
  EXPECT_EQ(kept.components[0].unit, "vCPU-s");
  EXPECT_EQ(kept.components[0].eur_each, 0.01);
  EXPECT_EQ(kept.components[0].eur, 0.3);
  EXPECT_EQ(await(store_->list_runs("ann", {}, {}))->items.at(0).cost->eur, 0.3);
}

TEST_P(CostContract, AnEndThatIsNotRecorded_CostsNothing) {
  const model::Run run = submit_to(create(task_of("ann")), model::kLocal);
  claim(run.id);
  record(run.id, 1, used(completed("1"), seconds(30)));
  const Lease lease{run.id, 1};
  EXPECT_FALSE(await(store_->record_end(lease, used(completed("1"), seconds(30)))).value());
  EXPECT_EQ(cost(run.id).eur, 0.3);
  EXPECT_EQ(sums(CostsBy::day).total.eur, 0.3);
}

TEST_P(CostContract, AFailedRun_CostsWhatItUsed) {
  const model::Run run = submit_to(create(task_of("ann")), model::kServerless);
  claim(run.id);
  record(run.id, 1, used(failed(OutcomeCode::timeout), seconds(600)));
  EXPECT_EQ(cost(run.id).eur, 6);
}

TEST_P(CostContract, AnAttemptThatWasLost_CountsFromItsClaimToItsEnd_AndAddsUp) {
  const model::Run run = submit_to(create(task_of("ann")), model::kLocal);
  claim(run.id);
  advance(seconds(100));
  put_back(run.id, 1, OutcomeCode::worker_lost);
  EXPECT_EQ(cost(run.id).eur, 1);
  EXPECT_FALSE(cost(run.id).complete);
  EXPECT_EQ(cost(run.id).why, "the run has not ended");
  EXPECT_EQ(sums(CostsBy::day).total.incomplete, 1);
  advance(seconds(50));
  claim(run.id);
  record(run.id, 2, used(completed("1"), seconds(30)));
  const Cost kept = cost(run.id);
  EXPECT_EQ(kept.eur, 1.3);
  EXPECT_TRUE(kept.complete);
  ASSERT_EQ(kept.components.size(), 1U);
  EXPECT_EQ(kept.components[0].quantity, 130);
  const CostsRow total = sums(CostsBy::day).total;
  EXPECT_EQ(total.eur, 1.3);
  EXPECT_EQ(total.runs, 1);
  EXPECT_EQ(total.incomplete, 0);
}

TEST_P(CostContract, WhatNobodyTook_CostsNothing) {
  const model::Run run = submit_to(create(task_of("ann")), model::kServerless);
  claim(run.id);
  advance(seconds(100));
  put_back(run.id, 1, OutcomeCode::backend_unavailable);
  EXPECT_EQ(cost(run.id).eur, 0);
  const model::Run waiting = submit_to(create(task_of("ann")), model::kServerless);
  ASSERT_TRUE(await(store_->request_cancel("ann", waiting.id)));
  EXPECT_EQ(cost(waiting.id).eur, 0);
  EXPECT_TRUE(cost(waiting.id).complete);
}

TEST_P(CostContract, ACancelledAttemptWithoutReport_CountsFromItsClaim) {
  const model::Run run = submit_to(create(task_of("ann")), model::kLocal);
  claim(run.id);
  advance(seconds(20));
  ASSERT_TRUE(await(store_->request_cancel("ann", run.id)));
  const Lease lease{run.id, 1};
  ASSERT_TRUE(await(store_->end_cancelled(lease)).value());
  EXPECT_EQ(cost(run.id).eur, 0.2);
  EXPECT_TRUE(cost(run.id).complete);
}

TEST_P(CostContract, BytesInObjects_AreStorage_InlineOnesAreNot) {
  const model::Run run = submit_to(create(task_of("ann")), model::kLocal);
  claim(run.id);
  model::RunEnd end = used(completed("1"), seconds(1));
  end.usage.result_bytes = 1'000'000'000;  // inline: in the database
  end.artifacts = {{"a", 2'000'000'000, "text/plain", "", "artifacts/a"}};
  record(run.id, 1, end);
  EXPECT_EQ(cost(run.id).eur, 2.01);
  EXPECT_EQ(cost(run.id).components.at(1).quantity, 2);
}

TEST_P(CostContract, AMachine_CountsFromItsOrderUntilItIsGone) {
  const model::Run run = long_run();
  const Machine machine = booting(run.id);
  advance(minutes(10));
  ASSERT_TRUE(take(machine));
  advance(minutes(40));
  record(run.id, 1, used(completed("1"), seconds(2400)));
  EXPECT_EQ(cost(run.id).eur, 0);
  EXPECT_FALSE(cost(run.id).complete);
  EXPECT_EQ(cost(run.id).why, "its machine is not gone yet");
  EXPECT_EQ(sums(CostsBy::backend).rows.at(0).incomplete, 1);
  advance(minutes(10));
  end_machine(machine, MachineState::working);
  EXPECT_EQ(cost(run.id).eur, 3);
  EXPECT_TRUE(cost(run.id).complete);
  EXPECT_EQ(cost(run.id).components.at(0).name, "machine");
  const CostsPage page = sums(CostsBy::backend);
  EXPECT_EQ(keys(page), std::vector<std::string>{"dedicated_instance"});
  EXPECT_EQ(page.total.eur, 3);
  EXPECT_EQ(page.total.incomplete, 0);
}

TEST_P(CostContract, AMachineThatNeverCalledHome_IsItsRuns) {
  const model::Run run = long_run();
  const Machine silent = booting(run.id);
  advance(minutes(20));
  end_machine(silent, MachineState::booting);
  EXPECT_EQ(cost(run.id).eur, 1);
  EXPECT_EQ(get(run.id).status, RunStatus::queued);
  const Machine other = booting(run.id);
  ASSERT_TRUE(take(other));
  record(run.id, 1, completed("1"));
  advance(minutes(20));
  end_machine(other, MachineState::working);
  EXPECT_EQ(cost(run.id).eur, 2);
  EXPECT_TRUE(cost(run.id).complete);
}

TEST_P(CostContract, AMachineThatWasNotMade_CostsNothing) {
  const model::Run run = long_run();
  const Machine refused = intended(run.id);
  ASSERT_TRUE(change(refused, MachineState::intended, MachineState::placing));
  advance(minutes(20));
  end_machine(refused, MachineState::placing);
  EXPECT_FALSE(get(run.id).cost);
  ASSERT_TRUE(await(machines().give_up(run.id, {OutcomeCode::backend_unavailable, "none"})));
  EXPECT_EQ(cost(run.id).eur, 0);
  EXPECT_TRUE(cost(run.id).complete);
}

TEST_P(CostContract, AMachineOfUnknownPrice_LeavesTheCostIncomplete) {
  const model::Run run = long_run();
  Machine machine = machine_for(run.id);
  machine.type = "new";
  ASSERT_TRUE(await(machines().intend(intent_of(machine, "serve-1"))).value());
  ASSERT_TRUE(change(machine, MachineState::intended, MachineState::placing));
  ASSERT_TRUE(change(machine, MachineState::placing, MachineState::booting));
  ASSERT_TRUE(take(machine));
  record(run.id, 1, completed("1"));
  end_machine(machine, MachineState::working);
  EXPECT_FALSE(cost(run.id).complete);
  EXPECT_EQ(cost(run.id).why, "the price is not known of local/new");
  EXPECT_EQ(sums(CostsBy::task).total.incomplete, 1);
}

TEST_P(CostContract, ARunThatMoved_CountsWithAllItCostWhereItWent) {
  const model::Run run = submit_to(create(task_of("ann")), model::kLocal);
  claim(run.id);
  advance(seconds(100));
  put_back(run.id, 1, OutcomeCode::worker_lost);
  claim(run.id);
  advance(seconds(600));
  const Lease lease{run.id, 2};
  ASSERT_TRUE(await(store_->move(lease, {OutcomeCode::timeout, "too long"})).value());
  EXPECT_EQ(cost(run.id).eur, 7);
  const CostsPage page = sums(CostsBy::backend);
  EXPECT_EQ(page.total.eur, 7);
  EXPECT_EQ(page.total.runs, 1);
  double left = 0;
  for (const CostsRow& row : page.rows) {
    if (row.key == "local") left += row.eur + static_cast<double>(row.runs);
  }
  EXPECT_EQ(left, 0);
}

TEST_P(CostContract, Sums_AreOfWhoAsksOnly_UnlessOfAll) {
  for (const char* owner : {"ann", "bob", "ann"}) {
    const model::Run run = submit_to(create(task_of(owner)), model::kLocal);
    claim(run.id);
    record(run.id, 1, used(completed("1"), seconds(100)));
  }
  EXPECT_EQ(sums(CostsBy::day, "ann").total.eur, 2);
  EXPECT_EQ(sums(CostsBy::day, "bob").total.runs, 1);
  EXPECT_EQ(sums(CostsBy::day, "eve").total.runs, 0);
  EXPECT_TRUE(sums(CostsBy::day, "eve").rows.empty());
  const CostsPage all = sums(CostsBy::user);
  EXPECT_EQ(keys(all), (std::vector<std::string>{"ann", "bob"}));
  EXPECT_EQ(all.rows[0].eur, 2);
  EXPECT_EQ(all.total.eur, 3);
}

TEST_P(CostContract, Sums_HaveTheDaysAskedFor_InPages) {
  const model::Task task = create(task_of("ann"));
  for (int day = 0; day < 5; ++day) {
    const model::Run run = submit_to(task, model::kLocal);
    claim(run.id);
    record(run.id, 1, used(completed("1"), seconds(100)));
    advance(std::chrono::hours(24));
  }
  const CostsPage some = await(store_->costs({CostsBy::day, "ann", k2026 + 1, k2026 + 3})).value();
  EXPECT_EQ(keys(some), (std::vector<std::string>{"2026-01-02", "2026-01-03"}));
  EXPECT_EQ(some.total.eur, 2);
  std::vector<std::string> seen;
  CostsQuery query{CostsBy::day, std::nullopt, k2026, k2026 + 400, "", 2};
  do {
    const CostsPage page = await(store_->costs(query)).value();
    EXPECT_EQ(page.total.runs, 5);
    for (const std::string& key : keys(page)) seen.push_back(key);
    query.after = page.next;
  } while (!query.after.empty());
  EXPECT_EQ(seen, (std::vector<std::string>{"2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04",
                                            "2026-01-05"}));
}

TEST_P(CostContract, AdHocTasks_AreOneRow_WhichPagesGoPast) {
  for (int i = 0; i < 3; ++i) {
    model::Task task = task_of("ann");
    task.ad_hoc = i < 2;
    const model::Run run = run_of(task);
    ASSERT_TRUE(await(store_->submit_ad_hoc(task, run, std::nullopt)));
    claim(run.id);
    record(run.id, 1, used(completed("1"), seconds(100)));
  }
  const CostsPage first = await(store_->costs({CostsBy::task, "ann", 0, 99'999, "", 1})).value();
  ASSERT_EQ(keys(first), std::vector<std::string>{""});
  EXPECT_EQ(first.rows[0].runs, 2);
  ASSERT_NE(first.next, "");
  const CostsPage second =
      await(store_->costs({CostsBy::task, "ann", 0, 99'999, first.next, 1})).value();
  ASSERT_EQ(second.rows.size(), 1U);
  EXPECT_EQ(second.rows[0].runs, 1);
  EXPECT_EQ(second.next, "");
}

// Whatever happens to runs and machines, each way to sum gives what the runs say.
TEST_P(CostContract, EverySum_IsThatOfTheRuns) {
  std::mt19937 random(7);
  const auto any = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  std::vector<model::Task> tasks;
  for (const char* owner : {"ann", "ann", "bob"}) tasks.push_back(create(task_of(owner)));
  const std::string_view backends[] = {model::kLocal, model::kServerless, model::kDedicated};
  for (int i = 0; i < 60; ++i) {
    const model::Run run = submit_to(tasks[static_cast<std::size_t>(any(3))], backends[any(3)]);
    int attempt = 1;
    if (run.backend == model::kDedicated) {
      const Machine machine = booting(run.id);
      advance(minutes(any(30)));
      if (any(3) == 0) {
        end_machine(machine, MachineState::booting);
        continue;
      }
      ASSERT_TRUE(take(machine));
      record(run.id, attempt, used(completed("1"), seconds(any(900))));
      advance(minutes(any(30)));
      if (any(3) > 0) end_machine(machine, MachineState::working);
    } else {
      claim(run.id);
      advance(seconds(any(5000)));
      if (any(3) == 0) {
        put_back(run.id, attempt, OutcomeCode::worker_lost);
        if (any(2) == 0) continue;
        claim(run.id);
        ++attempt;
      }
      if (any(5) == 0) {
        const Lease lease{run.id, attempt};
        ASSERT_TRUE(await(store_->move(lease, {OutcomeCode::timeout, "long"})).value());
        continue;
      }
      record(run.id, attempt, used(completed("1"), seconds(any(900))));
    }
  }
  std::int64_t pico = 0, counted = 0, incomplete = 0;
  for (const char* owner : {"ann", "bob"}) {
    const auto page = await(store_->list_runs(owner, {}, {"", 100})).value();
    for (const model::Run& run : page.items) {
      if (!run.cost) continue;
      pico += model::pico_euros(run.cost->eur);
      counted += 1;
      incomplete += run.cost->complete ? 0 : 1;
    }
  }
  ASSERT_GT(pico, 0);
  for (const CostsBy by : {CostsBy::day, CostsBy::user, CostsBy::task, CostsBy::backend}) {
    const CostsPage page = sums(by);
    CostsRow sum;
    std::int64_t sum_pico = 0;
    for (const CostsRow& row : page.rows) {
      sum.runs += row.runs;
      sum.incomplete += row.incomplete;
      sum_pico += model::pico_euros(row.eur);
    }
    EXPECT_EQ(sum_pico, pico) << name(by);
    EXPECT_EQ(sum.runs, counted) << name(by);
    EXPECT_EQ(sum.incomplete, incomplete) << name(by);
    EXPECT_EQ(model::pico_euros(page.total.eur), pico);
    EXPECT_EQ(page.total.runs, counted);
  }
}

// ---- budgets

TEST_P(BudgetContract, CountsWhatIsSpentAndWhatIsExpected) {
  const model::Task task = create(task_of("ann"));
  const auto first = within(task, 10, 4);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->used, 0);
  const auto second = within(task, 10, 4);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->used, 4);
  const auto third = within(task, 10, 4);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::budget_exhausted);
  EXPECT_EQ(third.error().message,
            "the budget of this month is 10 EUR: 0 EUR are spent, 8 EUR are expected of runs that "
            "have not ended, and this one is expected to cost 4 EUR");
  // One ends for less than was expected.
  claim(first->value.id);
  record(first->value.id, 1, used(completed("1"), seconds(100)));
  const auto fourth = within(task, 10, 4);
  ASSERT_TRUE(fourth);
  EXPECT_EQ(fourth->used, 5);
}

TEST_P(BudgetContract, NobodySubmits_OnceItIsSpent_AndWhatRunsGoesOn) {
  const model::Task task = create(task_of("ann"));
  const model::Run going_on = within(task, 10, 1)->value;
  claim(going_on.id);
  const model::Run other = within(task, 10, 1)->value;
  claim(other.id);
  record(other.id, 1, used(completed("1"), seconds(1000)));  // 10 EUR
  const auto refused = within(task, 10, 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::budget_exhausted);
  record(going_on.id, 1, used(completed("1"), seconds(1)));
  EXPECT_EQ(get(going_on.id).status, RunStatus::completed);
  // Another owner, and another month, have theirs.
  EXPECT_TRUE(within(create(task_of("bob")), 10, 0));
  model::Run later = run_of(task);
  EXPECT_TRUE(await(store_->submit_run(later, std::nullopt, Budget{10, k2026 + 31})));
  EXPECT_TRUE(await(store_->submit_run(run_of(task), std::nullopt)));  // no budget
}

TEST_P(BudgetContract, AnEndedRunsMachine_IsExpectedUntilItIsGone) {
  const model::Task task = create(task_of("ann"));
  const model::Run run = submit_to(task, model::kDedicated, 8);
  const Machine machine = booting(run.id);
  ASSERT_TRUE(take(machine));
  record(run.id, 1, completed("1"));
  EXPECT_EQ(within(task, 10, 0)->used, 8);
  advance(minutes(20));
  end_machine(machine, MachineState::working);
  EXPECT_EQ(within(task, 10, 0)->used, 1);
}

TEST_P(BudgetContract, WhatRunsLongerThanExpected_CountsWithWhatItHasUsed) {
  const model::Task task = create(task_of("ann"));
  const model::Run run = within(task, 10, 1)->value;
  EXPECT_EQ(within(task, 10, 0)->used, 1);
  claim(run.id);
  advance(seconds(50));
  EXPECT_EQ(within(task, 10, 0)->used, 1);
  advance(seconds(350));
  EXPECT_EQ(within(task, 10, 0)->used, 4);  // 400 s of 0.01
  EXPECT_EQ(within(task, 10, 7).error().code, ErrorCode::budget_exhausted);
  put_back(run.id, 1, OutcomeCode::worker_lost);
  advance(seconds(1000));  // while it waits it uses nothing
  EXPECT_EQ(within(task, 10, 0)->used, 4);
  claim(run.id);
  advance(seconds(200));
  EXPECT_EQ(within(task, 10, 0)->used, 6);
}

TEST_P(BudgetContract, AMachineCounts_FromBeingAskedFor) {
  const model::Task task = create(task_of("ann"));
  const model::Run run = submit_to(task, model::kDedicated, 1);
  const Machine machine = booting(run.id);
  advance(minutes(40));
  EXPECT_EQ(within(task, 10, 0)->used, 2);  // of 3 EUR an hour
  ASSERT_TRUE(take(machine));
  advance(minutes(20));
  EXPECT_EQ(within(task, 10, 0)->used, 3);
  record(run.id, 1, completed("1"));
  advance(minutes(20));
  EXPECT_EQ(within(task, 10, 0)->used, 4);
  end_machine(machine, MachineState::working);
  EXPECT_EQ(within(task, 10, 0)->used, 4);
}

TEST_P(BudgetContract, OfAMovedRun_AMachineIsExpectedForAsLongAsItRan) {
  const model::Task task = create(task_of("ann"));
  const model::Run run = within(task, 10, 0)->value;
  claim(run.id);
  advance(seconds(300));
  ASSERT_TRUE(await(store_->move({run.id, 1}, {OutcomeCode::timeout, "too long"})).value());
  EXPECT_EQ(within(task, 10, 0)->used, 6);  // 3 spent, and 300 s of a machine
}

TEST_P(BudgetContract, ARepeatedRequest_IsAnsweredAsTheFirstWas) {
  const model::Task task = create(task_of("ann"));
  model::Run run = run_of(task);
  run.expected_eur = 10;
  const Budget budget{10, k2026};
  ASSERT_TRUE(await(store_->submit_run(run, key_of("k", "h"), budget)));
  EXPECT_FALSE(await(store_->submit_run(run_of(task), key_of("other", "h"), budget)));
  const auto again = await(store_->submit_run(run_of(task), key_of("k", "h"), budget));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->value.id, run.id);
  // What was refused left its key free, and no ad-hoc task.
  EXPECT_TRUE(await(store_->submit_run(run_of(task), key_of("other", "h"))));
}

TEST_P(BudgetContract, OfSubmitsAtTheSameTime_NoneGoesBeyond) {
  const model::Task task = create(task_of("ann"));
  std::vector<awaitable<Result<Created<model::Run>>>> calls;
  for (int i = 0; i < 12; ++i) {
    model::Run run = run_of(task);
    run.expected_eur = 3;
    calls.push_back(store_->submit_run(run, std::nullopt, Budget{10, k2026}));
  }
  int made = 0;
  for (const auto& one : await_all(std::move(calls))) {
    if (one) {
      ++made;
    } else {
      EXPECT_EQ(one.error().code, ErrorCode::budget_exhausted) << one.error().message;
    }
  }
  EXPECT_EQ(made, 3);
}

}  // namespace
}  // namespace mecapy::store
