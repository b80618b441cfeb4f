// For tests: an orchestrator on a database of its own, whose runs are calculated here, and which
// can be killed between any two things that it does.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/test_await.h"
#include "base/test_folder.h"
#include "orchestrator/orchestrator.h"
#include "wire/json.h"
#include "wire/workflow_json.h"

namespace mecapy::orchestrator {

// One process: its loop, and what runs on it. A killed one is kept, and never runs again.
struct Process {
  boost::asio::io_context io{1};
  feed::Feed feed{io.get_executor()};
  std::unique_ptr<Orchestrator> orchestrator{};
};

class House {
 public:
  explicit House(std::uint32_t seed, std::size_t most_held = Options().most_held)
      : chance_(seed), most_held_(most_held) {
    store_ = store::open_sqlite(folder_.path("db"), clock_).value();
    objects_ = objects::open_folder(folder_.path("objects")).value();
    task_.id = model::TaskId::make();
    task_.user = "ann";
    task_.name = "step";
    task_ = base::await(store_->create_task(task_, std::nullopt)).value().value;
    begin_process();
  }
  ~House() {
    store_.reset();  // before the loops that its answers go to
    for (const auto& process : processes_) process->orchestrator.reset();
  }

  const std::string& task() const { return task_.id.str(); }
  store::Store& store() { return *store_; }
  bool one_in(std::uint32_t count) { return chance_() % count == 0; }

  // SIGKILL, and a new process.
  void kill() {
    ++killed_;
    stopped_.clear();
    begin_process();
  }
  int killed() const { return killed_; }
  // Nobody hears of the ends of runs.
  void silence() { silent_ = true; }
  // As long as nobody looks, but for those to whom the store tells it early. A new process.
  void tell_early_only() {
    silent_ = true;
    early_ = true;
    look_every_ = std::chrono::hours(1);
    begin_process();
  }
  // Earlier runs that answer are named, and are not there.
  void lose_earlier_runs() { earlier_lost_ = true; }
  // Completed runs of the same inputs answer from now on.
  void reuse() { reuses_ = true; }
  // Runs that were to be stopped since the last kill.
  const std::set<model::RunId>& stopped() const { return stopped_; }
  const Held& held() { return now().orchestrator->held(); }

  // A run of the workflow, in this process's care.
  model::WorkflowRunId begin(const std::string& definition, const std::string& inputs) {
    const auto read = wire::read_definition(definition);
    model::KeptWorkflow kept;
    kept.id = model::WorkflowId::make();
    kept.user = "ann";
    kept.definition_json = definition;
    kept = base::await(store_->workflows().create(kept, std::nullopt)).value().value;
    model::WorkflowRun run;
    run.id = model::WorkflowRunId::make();
    run.workflow_id = kept.id;
    run.user = "ann";
    run.inputs = {inputs, ""};
    run.state = workflow::Plan(*read).start();
    run.nodes.resize(read->nodes.size());
    for (model::NodeRecord& node : run.nodes) {
      node.task_id = task_.id;
      node.version = 1;
    }
    const auto begun =
        base::await(store_->workflows().begin(run, now().orchestrator->care(), std::nullopt));
    now().orchestrator->begun(begun->value.id);
    return run.id;
  }
  model::WorkflowRun get(const model::WorkflowRunId& id) {
    return base::await(store_->workflows().get_run("ann", id)).value();
  }
  void cancel(const model::WorkflowRunId& id) {
    (void)base::await(store_->workflows().request_cancel("ann", id));
    now().orchestrator->wake(id);
  }

  // Runs that have begun and not ended.
  std::size_t open_runs() { return base::await(store_->queued_runs("", 1000)).value().size(); }

  // What its process does next, at most so many things.
  void go_on(int things) {
    now().io.restart();
    for (int i = 0; i < things; ++i) {
      if (now().io.run_one_for(std::chrono::milliseconds(5)) == 0) break;
    }
  }
  // The end of one of the runs that wait: of {"a": A}, {"n": A + 1}; no result of a negative A.
  void calculate_one() {
    const auto waiting = base::await(store_->queued_runs("", 100)).value();
    if (waiting.empty()) return;
    const model::RunId id = waiting[chance_() % waiting.size()].run_id;
    const auto job = base::await(store_->claim(id, "worker", std::chrono::hours(1))).value();
    if (!job) return;
    const store::Lease lease{id, job->attempt};
    model::RunEnd end = calculated(job->inputs.inline_bytes);
    const model::RunStatus status = end.status;
    if (status == model::RunStatus::completed) completed_[job->inputs.inline_bytes] = id;
    const auto early = [&] { now().orchestrator->run_ended(id); };
    if (one_in(4)) early();  // too early: it has no end yet
    (void)base::await(store_->record_end(
        lease, std::move(end), early_ || one_in(2) ? std::function<void()>(early) : nullptr));
    if (!silent_) now().feed.open(id)->set_status(status, job->attempt);
  }

 private:
  Process& now() { return *processes_.back(); }

  static model::RunEnd calculated(const std::string& inputs) {
    long a = 0;
    for (const wire::Member& member : *wire::object_members(inputs)) {
      if (member.key == "a") a = std::stol(std::string(member.raw));
    }
    if (a < 0) return model::failed_end(model::OutcomeCode::user_error, "negative");
    model::RunEnd end;
    end.status = model::RunStatus::completed;
    end.result = {"{\"n\":" + std::to_string(a + 1) + "}", ""};
    return end;
  }

  void begin_process() {
    processes_.push_back(std::make_unique<Process>());
    Process& process = now();
    Parts parts{*store_,
                *objects_,
                process.feed,
                *clock_,
                threads_,
                [this](Draft draft) -> awaitable<Result<model::Run>> {
                  model::Run run;
                  run.id = model::RunId::make();
                  run.task_id = draft.task.id;
                  run.user = draft.user;
                  run.inputs = {draft.inputs, ""};
                  run.place = draft.place;
                  if (earlier_lost_ && draft.reuse) run.cached_from = model::RunId::make();
                  const auto earlier = completed_.find(draft.inputs);
                  if (reuses_ && draft.reuse && earlier != completed_.end())
                    run.cached_from = earlier->second;
                  co_return run;
                },
                [](const model::Run&) {},  // calculate_one() looks into the store
                [this](std::string user, model::RunId id) -> awaitable<void> {
                  stopped_.insert(id);
                  (void)co_await store_->request_cancel(user, id);
                },
                [](const std::string&) { return std::optional<store::Budget>(); },
                [] { return 2; }};
    Options options;
    options.claimant = "process " + std::to_string(processes_.size());
    options.look_every = look_every_;
    options.most_held = most_held_;
    process.orchestrator = std::make_unique<Orchestrator>(process.io, std::move(parts), options);
    boost::asio::co_spawn(process.io, started(*process.orchestrator), boost::asio::detached);
  }
  static awaitable<void> started(Orchestrator& orchestrator) {
    (void)co_await orchestrator.start();
  }

  std::mt19937 chance_;
  std::size_t most_held_;
  base::TestFolder folder_;
  std::shared_ptr<base::SystemClock> clock_ = std::make_shared<base::SystemClock>();
  boost::asio::thread_pool threads_{1};
  std::vector<std::unique_ptr<Process>> processes_{};
  std::unique_ptr<objects::ObjectStore> objects_{};
  std::unique_ptr<store::Store> store_{};
  model::Task task_{};
  int killed_ = 0;
  bool silent_ = false;
  bool early_ = false;
  std::chrono::milliseconds look_every_{1};
  bool earlier_lost_ = false;
  bool reuses_ = false;
  std::map<std::string, model::RunId> completed_{};  // by inputs
  std::set<model::RunId> stopped_;
};

}  // namespace mecapy::orchestrator
