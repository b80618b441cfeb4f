#include "machines/keeper.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/id.h"
#include "base/sha256.h"
#include "base/test_folder.h"
#include "machines/test_placer.h"
#include "store/test_run.h"

namespace mecapy::machines {
namespace {

namespace asio = boost::asio;
using clouds::Trouble;
using model::OutcomeCode;
using model::RunStatus;
using std::chrono::minutes;

class KeeperTest : public testing::Test {
 protected:
  KeeperTest() {
    store_ = std::move(store::open_sqlite(folder_.path("db"), clock_)).value();
    options_.keeper = "me";
    options_.home_url = "https://home";
    options_.every = milliseconds(1);
    options_.idle = milliseconds(1);
    options_.calls.look_every = milliseconds(1);
    options_.rest = milliseconds(1);
    options_.calls.destroy_first = milliseconds(1);
    options_.retry.backoff = milliseconds(1);
    options_.retry.backoff_max = milliseconds(1);
  }

  // A queued run that wants a machine.
  awaitable<model::RunId> accept(model::Limits limits = {}) {
    auto [task, run] = store::test_run();
    task.version.limits = limits;
    run.backend = model::kDedicated;
    model::RunId id = run.id;
    EXPECT_TRUE(co_await store_->submit_ad_hoc(std::move(task), std::move(run), std::nullopt));
    co_return id;
  }

  awaitable<model::Run> run_of(model::RunId id) {
    co_return (co_await store_->get_run("u", id)).value();
  }

  // A machine for a new run, intended by a process that is dead since.
  awaitable<model::Machine> intend_and_die() {
    model::Machine machine;
    machine.id = model::MachineId::make();
    machine.run_id = co_await accept();
    machine.placer = "scripted";
    machine.type = "small";
    machine.token_hash = "h";
    store::Intent intent{machine, "dead", seconds(60), minutes(5), minutes(60)};
    EXPECT_TRUE((co_await store_->machines().intend(std::move(intent))).value());
    co_return machine;
  }

  // What a worker does on the machine of `order`, but for the calculation.
  awaitable<std::optional<model::Job>> call_home(const clouds::Order& order) {
    auto machine = co_await store_->machines().by_token(base::sha256_hex(order.token));
    if (!machine || !*machine) co_return std::nullopt;
    auto job = co_await store_->machines().take_job((*machine)->id, "w", seconds(60));
    co_return job ? *job : std::nullopt;
  }

  // Suspends for as long as many rounds would take.
  awaitable<void> rested() {
    asio::steady_timer timer(io_, milliseconds(100));
    co_await timer.async_wait(asio::use_awaitable);
  }
  // Suspends until `what` holds, ten seconds at most.
  awaitable<bool> until(std::function<awaitable<bool>()> what) {
    const auto deadline = base::after(seconds(10));
    asio::steady_timer timer(io_);
    while (!co_await what()) {
      if (std::chrono::steady_clock::now() > deadline) co_return false;
      timer.expires_after(milliseconds(1));
      co_await timer.async_wait(asio::use_awaitable);
    }
    co_return true;
  }
  awaitable<bool> until_status(model::RunId id, RunStatus status) {
    return until([this, id, status]() -> awaitable<bool> {
      co_return (co_await run_of(id)).status == status;
    });
  }
  awaitable<bool> until_nothing_left() {
    return until(
        [this]() -> awaitable<bool> { co_return (co_await store_->machines().left())->empty(); });
  }
  awaitable<bool> until_orders(std::size_t count) {
    return until([this, count]() -> awaitable<bool> { co_return placer_.orders.size() >= count; });
  }

  void with_keeper(std::function<awaitable<void>(Keeper&)> body) {
    Keeper keeper(io_, *store_, feed_, {&placer_}, options_);
    run([&]() -> awaitable<void> {
      EXPECT_TRUE(co_await keeper.start());
      co_await body(keeper);
      co_await keeper.drain(base::after(seconds(5)));
    });
  }
  void run(std::function<awaitable<void>()> body) {
    std::exception_ptr failure;
    asio::co_spawn(io_, std::move(body), [&](std::exception_ptr e) {
      failure = e;
      io_.stop();
    });
    io_.restart();
    io_.run();
    if (failure) std::rethrow_exception(failure);
  }

  base::TestFolder folder_;
  std::shared_ptr<base::ManualClock> clock_ =
      std::make_shared<base::ManualClock>(base::SystemClock().now());
  asio::io_context io_{1};
  std::unique_ptr<store::Store> store_;
  feed::Feed feed_{io_.get_executor()};
  ScriptedPlacer placer_{"scripted", {{"small", "a", 1, 2048, 0}, {"large", "b", 8, 32'768, 0}}};
  Options options_{Terms{
      .capacity = 4, .tries = 5, .boot = minutes(15), .lease = minutes(2), .care = minutes(1)}};
};

TEST_F(KeeperTest, ARun_HasAMachine_AndWhenItEndsNothingIsLeft) {
  with_keeper([&](Keeper&) -> awaitable<void> {
    const model::RunId id = co_await accept();
    EXPECT_TRUE(co_await until_orders(1));
    const clouds::Order order = placer_.orders[0];
    EXPECT_EQ(order.type, "small");
    EXPECT_EQ(order.home_url, "https://home");
    EXPECT_EQ((co_await run_of(id)).waiting, "a machine is being made: scripted small in a");
    EXPECT_EQ((co_await run_of(id)).status, RunStatus::queued);
    std::optional<model::Job> job;
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
      job = co_await call_home(order);
      co_return job.has_value();
    }));
    EXPECT_EQ(job->run_id, id);
    EXPECT_TRUE(placer_.there.contains(order.machine));
    model::RunEnd end;
    end.status = RunStatus::completed;
    store::Lease lease{id, 1};
    EXPECT_TRUE((co_await store_->record_end(lease, std::move(end))).value());
    EXPECT_TRUE(co_await until_nothing_left());
    EXPECT_TRUE(placer_.there.empty());
    EXPECT_EQ(placer_.destroyed_with[order.machine], "parts of " + order.machine);
  });
}

TEST_F(KeeperTest, TheMachineIsLargeEnough) {
  with_keeper([&](Keeper&) -> awaitable<void> {
    model::Limits limits;
    limits.memory_mb = 4096;
    co_await accept(limits);
    EXPECT_TRUE(co_await until_orders(1));
    EXPECT_EQ(placer_.orders[0].type, "large");
  });
}

TEST_F(KeeperTest, OutOfStock_TheNextOfferIsTried_AndTheRunSaysWhyItWaits) {
  placer_.refusals = {clouds::Refusal{Trouble::out_of_stock, "none in a"},
                      clouds::Refusal{Trouble::quota, "2 of 2"}};
  with_keeper([&](Keeper&) -> awaitable<void> {
    const model::RunId id = co_await accept();
    EXPECT_TRUE(co_await until_orders(2));
    EXPECT_EQ(placer_.orders[1].type, "large");
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
      co_return (co_await run_of(id)).waiting ==
          "scripted small in a: out of stock: none in a; scripted large in b: quota: 2 of 2";
    }));
    EXPECT_TRUE(co_await until_nothing_left());
    EXPECT_EQ((co_await run_of(id)).attempt, 0);
    EXPECT_EQ(placer_.orders.size(), 2u);
  });
}

TEST_F(KeeperTest, ACancelWhileItIsMade_TakesTheMachineAway) {
  placer_.on_place = [&](const clouds::Order&) -> awaitable<void> {
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
      auto left = co_await store_->machines().left();
      co_return !left->empty() && left->at(0).state == MachineState::ending;
    }));
  };
  with_keeper([&](Keeper&) -> awaitable<void> {
    const model::RunId id = co_await accept();
    EXPECT_TRUE(co_await until_orders(1));
    EXPECT_TRUE(co_await store_->request_cancel("u", id));
    EXPECT_TRUE(co_await until_nothing_left());
    EXPECT_TRUE(placer_.there.empty());
    EXPECT_FALSE(co_await call_home(placer_.orders[0]));
  });
}

TEST_F(KeeperTest, AMachineWhoseCloudNeverSaysThatItIsOn_IsOvertakenByItsWorker_OrByACancel) {
  placer_.waits_until_overtaken = true;
  with_keeper([&](Keeper&) -> awaitable<void> {
    const model::RunId worked = co_await accept();
    EXPECT_TRUE(co_await until_orders(1));
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
      co_return (co_await call_home(placer_.orders[0])).has_value();
    }));
    model::RunEnd end;
    end.status = RunStatus::completed;
    store::Lease lease{worked, 1};
    EXPECT_TRUE((co_await store_->record_end(lease, std::move(end))).value());
    EXPECT_TRUE(co_await until_nothing_left());
    const model::RunId cancelled = co_await accept();
    EXPECT_TRUE(co_await until_orders(2));
    EXPECT_TRUE(co_await store_->request_cancel("u", cancelled));
    EXPECT_TRUE(co_await until_nothing_left());
    EXPECT_TRUE(placer_.there.empty());
  });
}

TEST_F(KeeperTest, AWorkerThatNeverCallsHome_IsReplaced_UntilTheRunIsGivenUp) {
  options_.terms.tries = 2;
  with_keeper([&](Keeper&) -> awaitable<void> {
    const model::RunId id = co_await accept();
    for (std::size_t i = 1; i <= 2; ++i) {
      EXPECT_TRUE(co_await until_orders(i));
      EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
        auto left = co_await store_->machines().left();
        co_return !left->empty() && left->back().state == MachineState::booting;
      }));
      clock_->advance(minutes(16));
    }
    EXPECT_TRUE(co_await until_status(id, RunStatus::failed));
    const model::Run run = co_await run_of(id);
    EXPECT_EQ(run.end.failure->code, OutcomeCode::backend_unavailable);
    EXPECT_TRUE(run.end.failure->message.starts_with("2 machines were made for it"));
    EXPECT_TRUE(co_await until_nothing_left());
    EXPECT_TRUE(placer_.there.empty());
  });
}

TEST_F(KeeperTest, AMachineThatNeverCalledHomeAndWhoseLifeIsOver_IsReplaced) {
  with_keeper([&](Keeper&) -> awaitable<void> {
    co_await accept();
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
      auto left = co_await store_->machines().left();
      co_return !left->empty() && left->at(0).state == MachineState::booting;
    }));
    clock_->advance(std::chrono::hours(48));
    EXPECT_TRUE(co_await until_orders(2));
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
      co_return !placer_.there.contains(placer_.orders[0].machine);
    }));
  });
}

TEST_F(KeeperTest, AMachineAtWorkBeyondItsLife_PutsTheRunBack) {
  with_keeper([&](Keeper&) -> awaitable<void> {
    const model::RunId id = co_await accept();
    EXPECT_TRUE(co_await until_orders(1));
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
      const std::string hash = base::sha256_hex(placer_.orders[0].token);
      auto machine = co_await store_->machines().by_token(hash);
      auto job = co_await store_->machines().take_job((*machine)->id, "w", std::chrono::hours(100));
      co_return job && job->has_value();
    }));
    clock_->advance(std::chrono::hours(48));
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
      const auto failure = (co_await run_of(id)).end.failure;
      co_return failure && failure->message == "its machine is gone: it was there beyond its life";
    }));
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
      co_return !placer_.there.contains(placer_.orders[0].machine);
    }));
  });
}

TEST_F(KeeperTest, AMachineInAQueueOfItsPlacers_IsGivenThatLong_AndItsRunSaysWhatIsTold) {
  placer_.in_queue = std::chrono::hours(10);
  placer_.pending = "PENDING (Resources)";
  with_keeper([&](Keeper&) -> awaitable<void> {
    const model::RunId id = co_await accept();
    const auto waits_as = [&](std::string text) {
      return until([&, text = std::move(text)]() -> awaitable<bool> {
        co_return (co_await run_of(id)).waiting == text;
      });
    };
    EXPECT_TRUE(
        co_await waits_as("scripted small in a: its machine is not on yet: PENDING (Resources)"));
    const auto state = [&]() -> awaitable<MachineState> {
      co_return (co_await store_->machines().left())->at(0).state;
    };
    // Beyond the time to boot (15 minutes), and within the queue's.
    clock_->advance(std::chrono::hours(10));
    const int looks = placer_.looks;
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> { co_return placer_.looks >= looks + 2; }));
    EXPECT_EQ(co_await state(), MachineState::booting);
    EXPECT_EQ((co_await run_of(id)).status, RunStatus::queued);
    placer_.pending.clear();
    EXPECT_TRUE(co_await waits_as("scripted small in a: its machine is on, and boots"));
    EXPECT_EQ(placer_.orders.size(), 1u);
    // What is longer than both is too long.
    clock_->advance(minutes(16));
    EXPECT_TRUE(co_await until_orders(2));
    EXPECT_EQ((co_await run_of(id)).attempt, 0);
  });
}

TEST_F(KeeperTest, AMachineThatVanishesAtWork_PutsTheRunBackAtOnce_ALimitEndsIt) {
  with_keeper([&](Keeper&) -> awaitable<void> {
    const model::RunId id = co_await accept();
    const auto work = [&](std::size_t nth) -> awaitable<void> {
      EXPECT_TRUE(co_await until_orders(nth));
      EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
        co_return (co_await call_home(placer_.orders[nth - 1])).has_value();
      }));
    };
    co_await work(1);
    placer_.lost.insert(placer_.orders[0].machine);
    clock_->advance(seconds(1));  // the pause before it is tried again
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
      clock_->advance(milliseconds(1));
      co_return placer_.orders.size() == 2;
    }));
    co_await work(2);
    EXPECT_EQ((co_await run_of(id)).attempt, 2);
    placer_.why = OutcomeCode::out_of_memory;
    placer_.lost.insert(placer_.orders[1].machine);
    EXPECT_TRUE(co_await until_status(id, RunStatus::failed));
    EXPECT_EQ((co_await run_of(id)).end.failure->code, OutcomeCode::out_of_memory);
    EXPECT_TRUE(co_await until_nothing_left());
  });
}

TEST_F(KeeperTest, ASilentWorkersLease_EndsAndTheRunWaitsForAnotherMachine) {
  with_keeper([&](Keeper&) -> awaitable<void> {
    const model::RunId id = co_await accept();
    EXPECT_TRUE(co_await until_orders(1));
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
      co_return (co_await call_home(placer_.orders[0])).has_value();
    }));
    clock_->advance(seconds(61));
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
      clock_->advance(milliseconds(1));
      co_return placer_.orders.size() == 2;
    }));
    EXPECT_FALSE(co_await call_home(placer_.orders[0]));
    EXPECT_EQ((co_await run_of(id)).end.failure->code, OutcomeCode::worker_lost);
  });
}

TEST_F(KeeperTest, AMachineWithGraphicsProcessors_IsForARunThatAsksForThem) {
  placer_.has = {{"GPU-1", "a", 8, 8192, 1}, {"SMALL", "a", 1, 2048}};
  with_keeper([&](Keeper&) -> awaitable<void> {
    co_await accept();
    EXPECT_TRUE(co_await until_orders(1));
    model::Limits limits;
    limits.gpus = 1;
    limits.cpus = 1.5;
    co_await accept(limits);
    EXPECT_TRUE(co_await until_orders(2));
    EXPECT_EQ(placer_.orders[0].type, "SMALL");
    EXPECT_EQ(placer_.orders[1].type, "GPU-1");
    EXPECT_EQ(placer_.orders[1].gpus, 1);
    EXPECT_EQ(placer_.orders[1].cpus, 2);
    EXPECT_EQ(placer_.orders[1].memory_mb, 2048);
  });
}

TEST_F(KeeperTest, WhereThereIsNothing_ItRests_UntilItIsWoken) {
  options_.idle = std::chrono::hours(1);
  with_keeper([&](Keeper& keeper) -> awaitable<void> {
    co_await rested();
    const model::RunId id = co_await accept();
    co_await rested();
    EXPECT_TRUE(placer_.orders.empty());
    keeper.wake();
    EXPECT_TRUE(co_await until_orders(1));
    // As long as there is a machine, it is looked after.
    EXPECT_TRUE(co_await store_->request_cancel("u", id));
    EXPECT_TRUE(co_await until_nothing_left());
  });
}

TEST_F(KeeperTest, FullMeansQueued_Visibly) {
  options_.terms.capacity = 1;
  with_keeper([&](Keeper&) -> awaitable<void> {
    co_await accept();
    EXPECT_TRUE(co_await until_orders(1));
    const model::RunId second = co_await accept();
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
      co_return (co_await run_of(second)).waiting == "1 of 1 machines are in use";
    }));
    EXPECT_EQ(placer_.orders.size(), 1u);
  });
}

TEST_F(KeeperTest, OfALongQueue_TheLastSaysWhyItWaits) {
  options_.terms.capacity = 1;
  with_keeper([&](Keeper&) -> awaitable<void> {
    std::vector<model::RunId> ids;
    for (int i = 0; i < 105; ++i) ids.push_back(co_await accept());
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
      co_return (co_await run_of(ids.back())).waiting == "1 of 1 machines are in use";
    }));
  });
}

TEST_F(KeeperTest, RunsThatNobodyCanPlace_StopNoOther) {
  with_keeper([&](Keeper&) -> awaitable<void> {
    model::Limits huge;
    huge.memory_mb = 1'000'000;
    for (int i = 0; i < 105; ++i) co_await accept(huge);
    co_await accept();
    EXPECT_TRUE(co_await until_orders(1));
  });
}

TEST_F(KeeperTest, ALeaseThatEndedWhileNobodyWasThere_IsGivenAnotherWholeOne) {
  model::Machine machine;
  run([&]() -> awaitable<void> {
    machine = co_await intend_and_die();
    for (const auto& [from, to] : {std::pair(MachineState::intended, MachineState::placing),
                                   std::pair(MachineState::placing, MachineState::booting)}) {
      store::MachineChange change{machine.id, "dead", from, to};
      EXPECT_TRUE((co_await store_->machines().change(std::move(change))).value());
    }
    EXPECT_TRUE((co_await store_->machines().take_job(machine.id, "w", seconds(60))).value());
  });
  placer_.there.insert(machine.id.str());
  clock_->advance(seconds(61));
  with_keeper([&](Keeper&) -> awaitable<void> {
    // A second look is of a later round than the first that looked for dead leases.
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> { co_return placer_.looks >= 2; }));
    EXPECT_EQ((co_await run_of(machine.run_id)).status, RunStatus::running);
    clock_->advance(options_.terms.lease);
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
      co_return (co_await run_of(machine.run_id)).end.failure.has_value();
    }));
  });
}

TEST_F(KeeperTest, WhatCannotBeRemovedYet_SaysWhy_AndIsAskedAgainUntilItIsGone) {
  placer_.deaf = 1'000'000;
  options_.calls.destroy_longest = milliseconds(2);
  with_keeper([&](Keeper&) -> awaitable<void> {
    const model::RunId id = co_await accept();
    EXPECT_TRUE(co_await until_orders(1));
    EXPECT_TRUE(co_await store_->request_cancel("u", id));
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
      auto left = co_await store_->machines().left();
      co_return left->at(0).said == "it could not be removed yet: not now: busy";
    }));
    placer_.deaf = 5;
    EXPECT_TRUE(co_await until_nothing_left());
    EXPECT_TRUE(placer_.there.empty());
    EXPECT_EQ(placer_.deaf, 0);
  });
}

TEST_F(KeeperTest, WhatGoesStepByStep_IsNotKeptWaitingForWhatWasRefusedBefore) {
  options_.calls.destroy_first = milliseconds(20);
  options_.calls.destroy_going = milliseconds(20);
  options_.calls.destroy_longest = std::chrono::hours(1);
  placer_.deaf = 4;
  placer_.steps = 6;
  with_keeper([&](Keeper&) -> awaitable<void> {
    const model::RunId id = co_await accept();
    EXPECT_TRUE(co_await until_orders(1));
    EXPECT_TRUE(co_await store_->request_cancel("u", id));
    // With pauses that go on doubling it were 20 s.
    EXPECT_TRUE(co_await until_nothing_left());
    EXPECT_EQ(placer_.steps, 0);
  });
}

TEST_F(KeeperTest, MachinesThatEndAtOnce_AreMadeWithGrowingRests) {
  options_.rest = milliseconds(40);
  options_.rest_longest = std::chrono::hours(1);
  options_.terms.tries = 4;
  std::vector<std::chrono::steady_clock::time_point> made;
  placer_.on_place = [&](const clouds::Order& order) -> awaitable<void> {
    made.push_back(std::chrono::steady_clock::now());
    placer_.lost.insert(order.machine);
    co_return;
  };
  with_keeper([&](Keeper&) -> awaitable<void> {
    const model::RunId id = co_await accept();
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
      const std::string waiting = (co_await run_of(id)).waiting;
      co_return waiting.starts_with("another machine is made soon: of 2 ");
    }));
    EXPECT_TRUE(co_await until_status(id, RunStatus::failed));
  });
  ASSERT_EQ(made.size(), 4U);
  // Half of 40, of 80 and of 160 ms at least.
  EXPECT_GE(made[1] - made[0], milliseconds(20));
  EXPECT_GE(made[2] - made[1], milliseconds(40));
  EXPECT_GE(made[3] - made[2], milliseconds(80));
}

// Neither a machine nor a run is left behind when machines.placers is emptied.
TEST_F(KeeperTest, WithoutPlacers_WhatThereIsEnds_AndRunsAreToldAndGivenUpInTheEnd) {
  options_.terms.boot = seconds(1);
  options_.owns_store = true;
  model::RunId run_id;
  model::RunId never;
  with_keeper([&](Keeper&) -> awaitable<void> {
    run_id = co_await accept();
    EXPECT_TRUE(co_await until_orders(1));
    EXPECT_TRUE(co_await call_home(placer_.orders[0]));
  });
  Keeper keeper(io_, *store_, feed_, {}, options_);
  run([&]() -> awaitable<void> {
    never = co_await accept();
    EXPECT_TRUE(co_await keeper.start());
    EXPECT_EQ(keeper.left().size(), 1U);
    EXPECT_EQ(keeper.wanted(), 1U);
    const std::string nobody = "nobody here makes machines any more: machines.placers is empty";
    EXPECT_TRUE(co_await until(
        [&]() -> awaitable<bool> { co_return (co_await run_of(never)).waiting == nobody; }));
    EXPECT_EQ((co_await run_of(run_id)).status, RunStatus::running);
    clock_->advance(minutes(10));  // its worker was not heard
    EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
      const auto left = co_await store_->machines().left();
      co_return left->at(0).said.ends_with("nobody here makes machines of scripted");
    }));
    for (const model::RunId& id : {run_id, never}) {
      EXPECT_TRUE(co_await until([&]() -> awaitable<bool> {
        clock_->advance(milliseconds(1));  // the pause before it is tried again
        co_return (co_await run_of(id)).status == RunStatus::failed;
      }));
      EXPECT_EQ((co_await run_of(id)).end.failure->message, nobody);
    }
    EXPECT_EQ((co_await store_->machines().left())->at(0).state, MachineState::ending);
    co_await keeper.drain(base::after(seconds(5)));
  });
}

TEST_F(KeeperTest, WithoutPlacers_OnASharedStore_RunsWaitForWhoeverMakesMachinesThere) {
  options_.terms.boot = seconds(0);
  Keeper keeper(io_, *store_, feed_, {}, options_);
  run([&]() -> awaitable<void> {
    const model::RunId id = co_await accept();
    EXPECT_TRUE(co_await keeper.start());
    EXPECT_TRUE(co_await until(
        [&]() -> awaitable<bool> { co_return !(co_await run_of(id)).waiting.empty(); }));
    co_await rested();
    EXPECT_EQ((co_await run_of(id)).status, RunStatus::queued);
    co_await keeper.drain(base::after(seconds(5)));
  });
}

TEST_F(KeeperTest, AProcessThatDiedWhilePlacing_LeavesAMachineThatItsSuccessorTakesAway) {
  model::Machine machine;
  run([&]() -> awaitable<void> {
    machine = co_await intend_and_die();
    store::MachineChange change{machine.id, "dead", MachineState::intended, MachineState::placing,
                                "half"};
    EXPECT_TRUE((co_await store_->machines().change(std::move(change))).value());
  });
  placer_.there.insert(machine.id.str());
  clock_->advance(seconds(61));
  with_keeper([&](Keeper&) -> awaitable<void> {
    EXPECT_TRUE(co_await until_orders(1));  // another one is made for the run
    EXPECT_TRUE(co_await until(
        [&]() -> awaitable<bool> { co_return !placer_.there.contains(machine.id.str()); }));
    EXPECT_EQ(placer_.destroyed_with[machine.id.str()], "half");
  });
}

TEST_F(KeeperTest, AProcessThatDiedBeforePlacing_LeavesNothingToRemove) {
  run([&]() -> awaitable<void> { co_await intend_and_die(); });
  clock_->advance(seconds(61));
  with_keeper([&](Keeper&) -> awaitable<void> {
    EXPECT_TRUE(co_await until_orders(1));
    EXPECT_TRUE(placer_.destroyed_with.empty());
  });
}

}  // namespace
}  // namespace mecapy::machines
