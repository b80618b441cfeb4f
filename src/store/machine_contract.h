// The tests of runs that want a machine of their own, which every store must pass; as those of
// store_contract.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/store_contract.h"

namespace mecapy::store {

inline constexpr std::chrono::microseconds kCare = std::chrono::minutes(1);

class MachineContract : public StoreContract {
 protected:
  Machines& machines() { return store_->machines(); }

  model::Run long_run() {
    const model::Task task = create(task_of("ann"));
    model::Run run = run_of(task);
    run.backend = model::kDedicated;
    run.estimate = model::Estimate{7200, "caller", 0};
    return await(store_->submit_run(run, std::nullopt)).value().value;
  }

  model::Machine machine_for(const model::RunId& run) {
    model::Machine machine;
    machine.id = model::MachineId::make();
    machine.run_id = run;
    machine.placer = "local";
    machine.type = "process";
    machine.token_hash = "hash of " + machine.id.str();
    return machine;
  }

  Intent intent_of(const model::Machine& machine, const std::string& keeper) {
    return {machine, keeper, kCare, std::chrono::minutes(5), std::chrono::minutes(60)};
  }

  model::Machine intended(const model::RunId& run, const std::string& keeper = "serve-1") {
    model::Machine machine = machine_for(run);
    EXPECT_TRUE(await(machines().intend(intent_of(machine, keeper))).value());
    return machine;
  }

  bool change(const model::Machine& machine, model::MachineState from, model::MachineState to,
              const std::string& keeper = "serve-1") {
    return await(machines().change({machine.id, keeper, from, to})).value();
  }

  model::Machine booting(const model::RunId& run) {
    const model::Machine machine = intended(run);
    EXPECT_TRUE(change(machine, model::MachineState::intended, model::MachineState::placing));
    EXPECT_TRUE(change(machine, model::MachineState::placing, model::MachineState::booting));
    return machine;
  }

  std::optional<model::Job> take(const model::Machine& machine, const std::string& taker = "w1") {
    return await(machines().take_job(machine.id, taker, std::chrono::seconds(60))).value();
  }

  std::vector<KeptMachine> keep(const std::string& keeper = "serve-1") {
    return await(machines().keep(keeper, kCare)).value();
  }

  bool begin_reaping(const std::string& keeper, std::chrono::microseconds pause = {},
                     const std::string& placer = "cloud") {
    const std::chrono::microseconds lease = std::chrono::minutes(5);
    return await(machines().begin_reaping(placer, keeper, lease, pause)).value();
  }
  void end_reaping(const std::string& keeper, std::vector<Leftover> left,
                   const std::string& trouble = "") {
    ASSERT_TRUE(await(machines().end_reaping({"cloud", keeper, trouble, std::move(left)})));
  }
  static Leftover part(const std::string& id, const std::string& said = "busy") {
    return {"cloud", "volume", "a", id, "", said, {}};
  }
  std::vector<Leftover> leftovers() { return await(machines().leftovers()).value(); }
};

}  // namespace mecapy::store
