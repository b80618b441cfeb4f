#include "store/store_contract.h"

#include <stdexcept>

namespace mecapy::store {
namespace {

constexpr std::int64_t kStart = 1'767'225'600'000'000;  // 2026-01-01T00:00:00Z

// A step that must succeed did not: the test cannot go on.
template <class T>
T must(Result<T> result, const char* step) {
  if (!result) throw std::runtime_error(std::string(step) + ": " + result.error().message);
  return std::move(*result);
}

}  // namespace

StoreContract::StoreContract() : now_(std::chrono::microseconds(kStart)) {
  StoreUnderTest made = GetParam().make();
  store_ = std::move(made.store);
  set_time_ = std::move(made.set_time);
  reopen_ = std::move(made.reopen);
  set_time_(now_);
}

model::Task StoreContract::task_of(const std::string& user) {
  model::Task task;
  task.id = model::TaskId::make();
  task.user = user;
  task.name = "beam";
  task.version.code = "def calculate(inputs):\n    return {}\n";
  return task;
}

model::Run StoreContract::run_of(const model::Task& task) {
  model::Run run;
  run.id = model::RunId::make();
  run.task_id = task.id;
  run.user = task.user;
  run.version = task.version.number;
  run.inputs.inline_bytes = "{}";
  return run;
}

Idempotency StoreContract::key_of(const std::string& key, const std::string& hash) {
  return {key, hash};
}

model::RunEnd StoreContract::completed(const std::string& result) {
  model::RunEnd end;
  end.status = model::RunStatus::completed;
  end.result.inline_bytes = result;
  return end;
}

model::RunEnd StoreContract::failed(model::OutcomeCode code) {
  model::RunEnd end;
  end.status = model::RunStatus::failed;
  end.failure = model::Failure{code, "it failed"};
  return end;
}

model::Task StoreContract::create(const model::Task& task) {
  return must(await(store_->create_task(task, std::nullopt)), "create_task").value;
}

model::Run StoreContract::submit(const model::Task& task) {
  return must(await(store_->submit_run(run_of(task), std::nullopt)), "submit_run").value;
}

model::Job StoreContract::claim(const model::RunId& id, const std::string& claimant) {
  auto job = must(await(store_->claim(id, claimant, std::chrono::seconds(30))), "claim");
  if (!job) throw std::runtime_error("claim: nothing");
  return *job;
}

model::Run StoreContract::get(const model::RunId& id) {
  return must(await(store_->get_run("ann", id)), "get_run");
}

model::Run StoreContract::ended_run(const std::string& cache_key, const model::RunEnd& end) {
  model::Run run = run_of(create(task_of("ann")));
  run.cache_key = cache_key;
  must(await(store_->submit_run(run, std::nullopt)), "submit_run");
  const Lease lease{run.id, claim(run.id).attempt};
  must(await(store_->record_end(lease, end)), "record_end");
  return run;
}

std::optional<model::Run> StoreContract::cached(const std::string& user,
                                                const std::string& cache_key,
                                                const std::string& environment,
                                                std::chrono::microseconds age) {
  CacheQuery query{cache_key, environment, age};
  return must(await(store_->cached_run(user, std::move(query))), "cached_run");
}

Lease StoreContract::running() {
  const model::Run run = submit(create(task_of("ann")));
  return {run.id, claim(run.id).attempt};
}

Answered answer_one(Store& store) {
  model::Task task;
  task.id = model::TaskId::make();
  task.user = "ann";
  model::Run origin;
  origin.id = model::RunId::make();
  origin.task_id = task.id;
  origin.user = task.user;
  must(await(store.submit_ad_hoc(task, origin, std::nullopt)), "submit_ad_hoc");
  must(await(store.claim(origin.id, "me", std::chrono::seconds(30))), "claim");
  model::RunEnd end;
  end.status = model::RunStatus::completed;
  end.artifacts = {{"a", 1, "text/plain", "", "artifacts/a"}};
  const Lease lease{origin.id, 1};
  must(await(store.record_end(lease, end)), "record_end");
  model::Run answered = origin;
  answered.id = model::RunId::make();
  answered.cached_from = origin.id;
  must(await(store.submit_run(answered, std::nullopt)), "submit_run");
  return {origin.id, answered.id};
}

CostRules test_costs() {
  const auto price = [](const model::Billed& billed) {
    model::Cost cost;
    cost.prices_of = "2026-01";
    const auto line = [&](model::CostComponent part) {
      if (part.eur_each) part.eur = part.quantity * *part.eur_each;
      cost.eur += part.eur.value_or(0);
      cost.components.push_back(std::move(part));
    };
    if (billed.backend != model::kDedicated) {
      line({"vcpu", billed.backend + ".vcpu", billed.wall_s * billed.cpus, "vCPU-s", 0, 0.01});
    } else if (!billed.placer.empty()) {
      std::optional<double> each;
      if (billed.type != "new") each = 3;
      line({"machine", billed.placer + "/" + billed.type, billed.machine_s / 3600, "h", 0, each});
    }
    if (billed.stored_bytes > 0) {
      line({"storage", "objects.storage", double(billed.stored_bytes) / 1e9, "GB-month", 0, 1});
    }
    return cost;
  };
  return {price, true, [](const model::Limits&, double seconds) { return seconds / 100; }};
}

std::vector<std::string> back_to_3() {
  return {"DROP TABLE workflow_nodes",
          "DROP TABLE workflow_runs",
          "DROP TABLE workflow_versions",
          "DROP TABLE workflows",
          "DROP INDEX runs_of_nodes",
          "ALTER TABLE runs DROP COLUMN workflow_run_id",
          "ALTER TABLE runs DROP COLUMN node",
          "ALTER TABLE runs DROP COLUMN element",
          "ALTER TABLE runs DROP COLUMN workflow_attempt",
          "ALTER TABLE runs DROP COLUMN number",
          "ALTER TABLE runs DROP COLUMN own_limits",
          "DROP TABLE costs",
          "DROP TABLE budget_gates",
          "ALTER TABLE runs DROP COLUMN claimed_at",
          "ALTER TABLE runs DROP COLUMN expected_cost",
          "ALTER TABLE runs DROP COLUMN cost",
          "ALTER TABLE runs DROP COLUMN cost_complete",
          "ALTER TABLE runs DROP COLUMN cost_parts",
          "ALTER TABLE runs DROP COLUMN checkpoint_attempt",
          "ALTER TABLE runs DROP COLUMN checkpoint_number",
          "ALTER TABLE runs DROP COLUMN checkpoint_bytes",
          "ALTER TABLE runs DROP COLUMN checkpoint_at",
          "ALTER TABLE runs DROP COLUMN checkpoint_sha256",
          "ALTER TABLE runs DROP COLUMN resumed_from",
          "DROP TABLE leftovers",
          "DROP TABLE reapings",
          "DROP TABLE machines",
          "DROP INDEX runs_that_want_a_machine",
          "ALTER TABLE runs DROP COLUMN backend",
          "ALTER TABLE runs DROP COLUMN estimate_s",
          "ALTER TABLE runs DROP COLUMN estimate_from",
          "ALTER TABLE runs DROP COLUMN estimate_samples",
          "ALTER TABLE runs DROP COLUMN moved_from",
          "ALTER TABLE runs DROP COLUMN waiting",
          "DROP INDEX runs_that_read",
          "DROP TABLE secrets",
          "ALTER TABLE runs DROP COLUMN payloads_of",
          "DELETE FROM schema_migrations WHERE number > 3"};
}

}  // namespace mecapy::store
