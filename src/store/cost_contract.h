// The tests of what runs cost, which every store must pass; as those of store_contract.h.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/machine_contract.h"

namespace mecapy::store {

inline constexpr Day k2026 = 20'454;  // 2026-01-01, when these tests begin

class CostContract : public MachineContract {
 protected:
  model::Run submit_to(const model::Task& task, std::string_view backend, double expected = 0) {
    model::Run run = run_of(task);
    run.backend = backend;
    run.expected_eur = expected;
    return await(store_->submit_run(run, std::nullopt)).value().value;
  }
  static model::RunEnd used(model::RunEnd end, std::chrono::seconds wall) {
    end.usage.wall_us = std::chrono::microseconds(wall).count();
    return end;
  }
  void record(const model::RunId& id, int attempt, const model::RunEnd& end) {
    const Lease lease{id, attempt};
    ASSERT_TRUE(await(store_->record_end(lease, end)).value());
  }
  void put_back(const model::RunId& id, int attempt, model::OutcomeCode code) {
    Requeue request{{id, attempt}, {code, "away"}, {}};
    ASSERT_EQ(await(store_->requeue(request)).value(), model::RunStatus::queued);
  }
  model::Cost cost(const model::RunId& id) { return get(id).cost.value(); }
  void end_machine(const model::Machine& machine, model::MachineState from) {
    ASSERT_TRUE(change(machine, from, model::MachineState::ending));
    ASSERT_TRUE(change(machine, model::MachineState::ending, model::MachineState::gone));
  }

  CostsPage sums(CostsBy by, std::optional<std::string> owner = {}) {
    return await(store_->costs({by, std::move(owner), k2026, k2026 + 400})).value();
  }
  static std::vector<std::string> keys(const CostsPage& page) {
    std::vector<std::string> found;
    for (const CostsRow& row : page.rows) found.push_back(row.key);
    return found;
  }
};

class BudgetContract : public CostContract {
 protected:
  Result<Created<model::Run>> within(const model::Task& task, double month_eur, double expected) {
    model::Run run = run_of(task);
    run.backend = model::kLocal;
    run.expected_eur = expected;
    return await(store_->submit_run(run, std::nullopt, Budget{month_eur, k2026}));
  }
};

}  // namespace mecapy::store
