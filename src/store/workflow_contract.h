// The tests of workflows, which every store must pass; as those of store_contract.h.
#pragma once

#include <string>
#include <utility>

#include "store/store_contract.h"

namespace mecapy::store {

class WorkflowContract : public StoreContract {
 protected:
  Workflows& workflows() { return store_->workflows(); }
  static Care care(const std::string& claimant = "serve-1") {
    return {claimant, std::chrono::seconds(30)};
  }

  static model::KeptWorkflow workflow_of(const std::string& user) {
    model::KeptWorkflow workflow;
    workflow.id = model::WorkflowId::make();
    workflow.user = user;
    workflow.name = "joint";
    workflow.definition_json = R"({"inputs":{},"nodes":{"k":{ "task":"t"}},"outputs":{}})";
    return workflow;
  }
  model::KeptWorkflow kept(const std::string& user = "ann") {
    return await(workflows().create(workflow_of(user), std::nullopt)).value().value;
  }

  // Of two nodes of `task`, the second a list.
  static model::WorkflowRun run_of(const model::KeptWorkflow& workflow, const model::Task& task) {
    model::WorkflowRun run;
    run.id = model::WorkflowRunId::make();
    run.workflow_id = workflow.id;
    run.user = workflow.user;
    run.inputs = {R"({"bolt":1.0})", ""};
    run.state.nodes.resize(2);
    run.nodes.resize(2);
    for (model::NodeRecord& node : run.nodes) {
      node.task_id = task.id;
      node.version = 1;
    }
    return run;
  }
  model::WorkflowRun begun() {
    task_ = create(task_of("ann"));
    auto made = await(workflows().begin(run_of(kept(), task_), care(), std::nullopt));
    EXPECT_TRUE(made && made->created);
    return made->value;
  }
  model::WorkflowRun load(const model::WorkflowRunId& id, const std::string& claimant = "serve-1") {
    return await(workflows().load(id, claimant)).value();
  }

  model::Run node_run(const model::WorkflowRun& of, int node, int element, int number = 1) const {
    model::Run run = StoreContract::run_of(task_);
    run.place = model::NodePlace{of.id, node, element, of.attempt, number};
    return run;
  }
  Stepped step(WorkflowStep wanted) {
    wanted.claimant = "serve-1";
    return await(workflows().step(std::move(wanted))).value();
  }

  model::Task task_;
};

}  // namespace mecapy::store
