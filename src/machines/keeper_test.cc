#include "machines/keeper.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <set>

#include "base/id.h"
#include "base/sha256.h"
#include "base/test_folder.h"

namespace mecapy::machines {
namespace {

namespace asio = boost::asio;
using clouds::Trouble;
using model::OutcomeCode;
using model::RunStatus;
using std::chrono::minutes;

// Makes machines that are nothing but their names, as a test says.
class ScriptedPlacer final : public clouds::Placer {
 public:
  explicit ScriptedPlacer(std::vector<clouds::Offer> offers) : offers_(std::move(offers)) {}
  std::string_view name() const override { return "scripted"; }
  const std::vector<clouds::Offer>& offers() const override { return offers_; }
  awaitable<clouds::Answer<clouds::Done>> place(clouds::Order order, clouds::Save save,
                                                base::Deadline) override {
    orders.push_back(order);
    there.insert(order.machine);
    if (!co_await save("parts of " + order.machine)) {
      co_return clouds::Refusal{Trouble::passing, "not saved"};
    }
    if (on_place) co_await on_place(order);
    if (!refusals.empty()) {
      const auto refusal = refusals.front();
      refusals.pop_front();
      if (refusal) co_return *refusal;
    }
    co_return clouds::Done{};
  }
  awaitable<clouds::Answer<clouds::Sight>> look(std::string machine, std::string,
                                                base::Deadline) override {
    if (lost.contains(machine)) co_return clouds::Sight{clouds::Phase::over, "TIMEOUT", why};
    co_return clouds::Sight{clouds::Phase::running, "running", {}};
  }
  awaitable<clouds::Answer<bool>> destroy(std::string machine, std::string parts,
                                          base::Deadline) override {
    destroyed_with[machine] = parts;
    if (deaf > 0 && deaf-- > 0) co_return clouds::Refusal{Trouble::passing, "busy"};
    there.erase(machine);
    co_return true;
  }
  awaitable<clouds::Answer<std::vector<clouds::Found>>> list(base::Deadline) override {
    co_return std::vector<clouds::Found>();
  }
  awaitable<clouds::Answer<bool>> remove(clouds::Found, base::Deadline) override { co_return true; }

  std::vector<clouds::Order> orders;
  std::set<std::string> there;
  std::set<std::string> lost;
  std::optional<OutcomeCode> why;
  std::deque<std::optional<clouds::Refusal>> refusals;
  std::map<std::string, std::string> destroyed_with;
  std::function<awaitable<void>(const clouds::Order&)> on_place;
  int deaf = 0;

 private:
  std::vector<clouds::Offer> offers_;
};

class KeeperTest : public testing::Test {
 protected:
  KeeperTest() {
    store_ = std::move(store::open_sqlite(folder_.path("db"), clock_)).value();
    options_.keeper = "me";
    options_.home_url = "https://home";
    options_.every = milliseconds(1);
    options_.look_every = milliseconds(1);
    options_.destroy_first = milliseconds(1);
    options_.backoff = milliseconds(1);
    options_.backoff_max = milliseconds(1);
  }

  // A queued run that wants a machine.
  awaitable<model::RunId> accept(model::Limits limits = {}) {
    model::Task task;
    task.id = model::TaskId::make();
    task.user = "u";
    task.name = "t";
    task.version.code = "c";
    task.version.limits = limits;
    model::Run run;
    run.id = model::RunId::make();
    run.task_id = task.id;
    run.user = "u";
    run.inputs.inline_bytes = "{}";
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
  ScriptedPlacer placer_{{{"small", "a", 1, 2048, 0}, {"large", "b", 8, 32'768, 0}}};
  Options options_;
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

TEST_F(KeeperTest, AWorkerThatNeverCallsHome_IsReplaced_UntilTheRunIsGivenUp) {
  options_.tries = 2;
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

TEST_F(KeeperTest, FullMeansQueued_Visibly) {
  options_.capacity = 1;
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

TEST_F(KeeperTest, WhatCannotBeRemovedYet_IsAskedAgainUntilItIsGone) {
  placer_.deaf = 5;
  with_keeper([&](Keeper&) -> awaitable<void> {
    const model::RunId id = co_await accept();
    EXPECT_TRUE(co_await until_orders(1));
    EXPECT_TRUE(co_await store_->request_cancel("u", id));
    EXPECT_TRUE(co_await until_nothing_left());
    EXPECT_TRUE(placer_.there.empty());
    EXPECT_EQ(placer_.deaf, 0);
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
