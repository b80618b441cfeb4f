// Where runs go, and that every place that counts what they cost counts the same.
#include "main/routing.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "base/test_await.h"
#include "base/test_folder.h"
#include "cost/cost.h"
#include "main/budgets.h"
#include "main/parts.h"
#include "model/cost.h"

namespace mecapy::main {
namespace {

using base::await;
using std::chrono::seconds;

constexpr seconds kTakes{120};
const model::Limits kLimits{.memory_mb = 1024, .cpus = 0.5};
constexpr auto kDay = std::chrono::days(20'454);  // 2026-01-01

config::Settings settings_for(std::string_view backend) {
  config::Settings settings;
  settings.worker_concurrency = 1;
  if (backend == model::kServerless) settings.worker_url = "https://worker.example";
  if (backend == model::kDedicated) {
    settings.machines_placers = "slurm";
    settings.machines_slurm_cpus = 8;
    settings.machines_slurm_memory_mb = 16'384;
    settings.machines_slurm_gpus = 2;
    settings.machines_max_timeout_s = 86'400;
  }
  return settings;
}

// In which everything costs something.
cost::Prices dear(cost::Prices prices) {
  double eur = 0.001;
  for (cost::Price& one : prices.items) one.eur = eur *= 1.1;
  return prices;
}

Routing routing_for(const config::Settings& settings) {
  Routing routing = make_routing(settings).value();
  routing.prices = dear(std::move(routing.prices));
  return routing;
}

std::set<std::string> items(const model::Cost& cost) {
  std::set<std::string> found;
  for (const model::CostComponent& one : cost.components) {
    EXPECT_GT(one.eur.value_or(0), 0) << one.item;
    found.insert(one.item);
  }
  return found;
}

model::Cost estimated(const Routing& routing, std::string_view backend) {
  for (const wire::BackendCost& one : backend_costs(routing, kLimits, double(kTakes.count()))) {
    if (one.backend != backend) continue;
    EXPECT_EQ(one.why_not, "");
    return one.cost;
  }
  return {};
}

// A store of one run, which takes kTakes.
class Recorded {
 public:
  Recorded(const config::Settings& settings, const Routing& routing, std::string_view backend)
      : store_(store::open_sqlite(folder_.path("db"), clock_, {},
                                  cost_rules(settings, cost::pricing(routing.prices)))
                   .value()) {
    task_.id = model::TaskId::make();
    task_.user = "ann";
    task_.version.limits = kLimits;
    EXPECT_TRUE(await(store_->create_task(task_, std::nullopt)));
    run_ = submitted(backend);
    if (backend == model::kDedicated) {
      work_on_machine();
    } else {
      EXPECT_TRUE(await(store_->claim(run_, "serve-1", seconds(600))).value());
      clock_->advance(kTakes);
    }
  }

  // What a budget counts of it while it is at work.
  double used() {
    model::Run run = another(model::kLocal);
    const store::Budget budget{1e9, kDay.count()};
    return await(store_->submit_run(run, std::nullopt, budget)).value().used.value();
  }

  // What it cost once it and its machine were over.
  model::Cost cost() {
    model::RunEnd end;
    end.status = model::RunStatus::completed;
    end.usage.wall_us = std::chrono::microseconds(kTakes).count();
    const store::Lease lease{run_, 1};
    EXPECT_TRUE(await(store_->record_end(lease, end)).value());
    if (machine_) change(model::MachineState::working, model::MachineState::ending);
    if (machine_) change(model::MachineState::ending, model::MachineState::gone);
    return await(store_->get_run("ann", run_)).value().cost.value();
  }

 private:
  model::Run another(std::string_view backend) {
    model::Run run;
    run.id = model::RunId::make();
    run.task_id = task_.id;
    run.version = 1;
    run.user = "ann";
    run.inputs.inline_bytes = "{}";
    run.backend = backend;
    return run;
  }
  model::RunId submitted(std::string_view backend) {
    return await(store_->submit_run(another(backend), std::nullopt)).value().value.id;
  }
  void change(model::MachineState from, model::MachineState to) {
    EXPECT_TRUE(await(store_->machines().change({machine_->id, "serve-1", from, to})).value());
  }
  void work_on_machine() {
    machine_.emplace();
    machine_->id = model::MachineId::make();
    machine_->run_id = run_;
    machine_->placer = "slurm";
    machine_->type = "job";
    machine_->token_hash = "hash";
    const auto long_enough = std::chrono::minutes(60);
    store::Intent intent{*machine_, "serve-1", long_enough, long_enough, long_enough};
    EXPECT_TRUE(await(store_->machines().intend(std::move(intent))).value());
    change(model::MachineState::intended, model::MachineState::placing);
    change(model::MachineState::placing, model::MachineState::booting);
    EXPECT_TRUE(await(store_->machines().take_job(machine_->id, "w", seconds(600))).value());
    clock_->advance(kTakes);
  }

  base::TestFolder folder_;
  std::shared_ptr<base::ManualClock> clock_ =
      std::make_shared<base::ManualClock>(base::TimePoint(kDay));
  std::unique_ptr<store::Store> store_;
  model::Task task_;
  model::RunId run_;
  std::optional<model::Machine> machine_;
};

class Bill : public testing::TestWithParam<std::string_view> {};

TEST_P(Bill, OfARun_HasTheSameParts_AsEstimated_AsInBudgets_AndAtWork) {
  const config::Settings settings = settings_for(GetParam());
  const Routing routing = routing_for(settings);
  Recorded run(settings, routing, GetParam());
  const double at_work = run.used();
  const model::Cost cost = run.cost();
  const model::Cost before = estimated(routing, GetParam());
  EXPECT_FALSE(items(cost).empty());
  EXPECT_EQ(items(cost), items(before));
  EXPECT_NEAR(cost.eur, before.eur, 1e-9);
  EXPECT_NEAR(cost.eur, at_work, 1e-9);
  EXPECT_NEAR(cost.eur, expected_eur(routing, GetParam(), kLimits, double(kTakes.count())), 1e-9);
  std::set<std::string> asked;  // whose prices a budget wants
  for (const model::Cost& hour : hours(routing)) asked.merge(items(hour));
  for (const std::string& item : items(cost)) EXPECT_TRUE(asked.contains(item)) << item;
}

INSTANTIATE_TEST_SUITE_P(Backends, Bill,
                         testing::Values(model::kLocal, model::kServerless, model::kDedicated),
                         [](const auto& param) { return std::string(param.param); });

TEST(Routing, EachBackendOffers_WhatSettingsGiveIt) {
  config::Settings settings = settings_for(model::kDedicated);
  settings.ceilings.timeout_s = 600;
  settings.ceilings.cpus = 3;
  settings.ceilings.memory_mb = 5000;
  const Routing routing = make_routing(settings).value();
  ASSERT_EQ(routing.offers.size(), 3U);
  const auto lacks = [&](std::size_t i, double takes, const model::Limits& limits) {
    return router::lacking(routing.offers[i], router::need_of(takes, limits));
  };
  struct Case {
    std::size_t offer;
    double most_s, most_cpus, most_mb, most_gpus;
  };
  for (const Case& one :
       {Case{0, 600, 3, 5000, 0}, Case{1, 86'400, 8, 16'384, 0}, Case{2, 86'400, 8, 16'384, 2}}) {
    const model::Limits most{
        .memory_mb = one.most_mb, .cpus = one.most_cpus, .gpus = one.most_gpus};
    EXPECT_EQ(lacks(one.offer, one.most_s, most), "");
    EXPECT_NE(lacks(one.offer, one.most_s + 1, most), "");
    model::Limits more = most;
    more.memory_mb += 1;
    EXPECT_NE(lacks(one.offer, one.most_s, more), "");
    more = most;
    more.cpus += 1;
    EXPECT_NE(lacks(one.offer, one.most_s, more), "");
    more = most;
    more.gpus += 1;
    EXPECT_NE(lacks(one.offer, one.most_s, more), "");
  }
}

TEST(Routing, ARunGoes_ByWhatItNeeds) {
  config::Settings settings = settings_for(model::kDedicated);
  settings.router_rules = "duration<60,cpus<2,memory<2000,gpus<1:local *:dedicated_instance";
  const Routing routing = make_routing(settings).value();
  const auto goes = [&](double takes, const model::Limits& limits) {
    api::RouteQuestion question;
    question.limits = limits;
    question.caller_s = takes;
    return route(routing, question).value().backend;
  };
  const model::Limits small{.memory_mb = 1000, .cpus = 1};
  EXPECT_EQ(goes(30, small), "local");
  EXPECT_EQ(goes(60, small), "dedicated_instance");
  EXPECT_EQ(goes(30, {.memory_mb = 1000, .cpus = 2}), "dedicated_instance");
  EXPECT_EQ(goes(30, {.memory_mb = 2000, .cpus = 1}), "dedicated_instance");
  EXPECT_EQ(goes(30, {.memory_mb = 1000, .cpus = 1, .gpus = 1}), "dedicated_instance");
}

// The machine of an estimate is the one that is made.
TEST(Routing, ARunThatAsksForNoGraphicsProcessor_IsNotReckonedOnAMachineThatHasSome) {
  config::Settings settings;
  settings.worker_concurrency = 1;
  settings.machines_placers = "scaleway";
  settings.machines_scaleway_zones = "fr-par-2";
  settings.machines_scaleway_types = "L4-1-24G:8:49152:1 DEV1-S:2:2048";
  const auto machine = [&](double gpus) {
    for (const wire::BackendCost& one : backend_costs(
             make_routing(settings).value(), {.memory_mb = 512, .cpus = 1, .gpus = gpus}, 60)) {
      if (one.backend == model::kDedicated) return one.machine + one.why_not;
    }
    return std::string();
  };
  EXPECT_EQ(machine(0), "scaleway/DEV1-S");
  EXPECT_EQ(machine(1), "scaleway/L4-1-24G");
  settings.machines_scaleway_types = "L4-1-24G:8:49152:1";
  EXPECT_EQ(
      machine(0),
      "of dedicated_instance, machines with graphics processors are for runs that ask for them");
}

TEST(Routing, TheSettingAndThePage_NameEveryCondition) {
  std::string meaning;
  for (const config::SettingRow& row : config::setting_table()) {
    if (row.name == "router.rules") meaning = row.meaning;
  }
  std::ifstream page(MECAPY_SOURCE "/docs/long-runs.md");
  std::ostringstream text;
  text << page.rdbuf();
  std::string together, quoted;
  for (const std::string& one : router::conditions()) {
    together += (together.empty() ? "" : ", ") + one;
    quoted += (quoted.empty() ? "`" : ", `") + one + "`";
  }
  EXPECT_NE(meaning.find("CONDITION " + together + " or *"), std::string::npos) << meaning;
  EXPECT_NE(text.str().find("| conditions | " + quoted + ":"), std::string::npos) << quoted;
}

TEST(Budgets, WantThePrice_OfAllThatARunMayBeBilled) {
  for (const std::string_view backend : {model::kLocal, model::kServerless, model::kDedicated}) {
    config::Settings settings = settings_for(backend);
    settings.objects_url = "s3://bucket";
    const Routing known = routing_for(settings);
    Budgets budgets;
    budgets.month_eur = 1;
    ASSERT_TRUE(check_budgets(budgets, known));
    std::set<std::string> billed;
    for (const model::Cost& hour : hours(known)) billed.merge(items(hour));
    EXPECT_TRUE(billed.contains("objects.storage"));
    EXPECT_TRUE(billed.contains("objects.egress"));
    EXPECT_GE(billed.size(), 4U);
    for (const std::string& item : billed) {
      Routing routing = known;
      for (cost::Price& price : routing.prices.items) {
        if (price.item == item) price.eur = std::nullopt;
      }
      const auto checked = check_budgets(budgets, routing);
      ASSERT_FALSE(checked) << item;
      EXPECT_EQ(checked.error().code, ErrorCode::usage);
      EXPECT_NE(checked.error().message.find("not known of " + item), std::string::npos)
          << checked.error().message;
      EXPECT_TRUE(check_budgets(Budgets{}, routing)) << item;  // nobody has a budget
    }
  }
}

}  // namespace
}  // namespace mecapy::main
