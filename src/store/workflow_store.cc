#include "store/workflow_store.h"

#include <utility>

#include "store/requests.h"
#include "store/run_sql.h"
#include "store/workflow_run_sql.h"
#include "store/workflow_sql.h"

namespace mecapy::store {
namespace {

using Key = std::optional<Idempotency>;
using model::KeptWorkflow;
using model::WorkflowRun;

class SqlWorkflows final : public Workflows {
 public:
  SqlWorkflows(Database& database, CostRules costs)
      : costs_(std::move(costs)), requests_(database) {}

  awaitable<Result<Created<KeptWorkflow>>> create(KeptWorkflow workflow, Key key) override {
    return requests_.write<Created<KeptWorkflow>>(
        [workflow = std::move(workflow), key = std::move(key)](Connection& c) {
          return create_workflow(c, c.now(), workflow, key);
        });
  }
  awaitable<Result<std::optional<KeptWorkflow>>> made_by(std::string user,
                                                         Idempotency key) override {
    return requests_.read<std::optional<KeptWorkflow>>(
        [user = std::move(user), key = std::move(key)](Connection& c) {
          return workflow_made_by(c, user, key);
        });
  }
  awaitable<Result<KeptWorkflow>> get(std::string user, model::WorkflowId id,
                                      std::optional<int> version) override {
    return requests_.read<KeptWorkflow>(
        [user = std::move(user), id = std::move(id), version](Connection& c) {
          return get_workflow(c, user, id, version);
        });
  }
  awaitable<Result<Page<KeptWorkflow>>> list(std::string user, PageRequest page) override {
    return requests_.read<Page<KeptWorkflow>>(
        [user = std::move(user), page = std::move(page)](Connection& c) {
          return list_workflows(c, user, page);
        });
  }
  awaitable<Result<KeptWorkflow>> update(std::string user, model::WorkflowId id,
                                         WorkflowChange change) override {
    return requests_.write<KeptWorkflow>(
        [user = std::move(user), id = std::move(id), change = std::move(change)](Connection& c) {
          return update_workflow(c, c.now(), user, id, change);
        });
  }
  awaitable<Result<void>> remove(std::string user, model::WorkflowId id) override {
    return requests_.write<void>([user = std::move(user), id = std::move(id)](Connection& c) {
      return delete_workflow(c, c.now(), user, id);
    });
  }

  awaitable<Result<Created<WorkflowRun>>> begin(WorkflowRun run, Care care, Key key) override {
    return requests_.write<Created<WorkflowRun>>(
        [run = std::move(run), care = std::move(care), key = std::move(key)](Connection& c) {
          return begin_workflow_run(c, c.now(), run, care, key);
        });
  }
  awaitable<Result<std::optional<WorkflowRun>>> run_made_by(std::string user,
                                                            Idempotency key) override {
    return requests_.read<std::optional<WorkflowRun>>(
        [user = std::move(user), key = std::move(key)](Connection& c) {
          return workflow_run_made_by(c, user, key);
        });
  }
  awaitable<Result<WorkflowRun>> get_run(std::string user, model::WorkflowRunId id) override {
    return requests_.read<WorkflowRun>([user = std::move(user), id = std::move(id)](Connection& c) {
      return get_workflow_run(c, user, id);
    });
  }
  awaitable<Result<std::optional<WorkflowRun>>> latest_run(std::string user,
                                                           model::WorkflowId id) override {
    return requests_.read<std::optional<WorkflowRun>>(
        [user = std::move(user), id = std::move(id)](Connection& c) {
          return latest_workflow_run(c, user, id);
        });
  }
  awaitable<Result<Page<WorkflowRun>>> list_runs(std::string user, WorkflowRunFilter filter,
                                                 PageRequest page) override {
    return requests_.read<Page<WorkflowRun>>([user = std::move(user), filter = std::move(filter),
                                              page = std::move(page)](Connection& c) {
      return list_workflow_runs(c, user, filter, page);
    });
  }
  awaitable<Result<WorkflowRun>> request_cancel(std::string user,
                                                model::WorkflowRunId id) override {
    return requests_.write<WorkflowRun>(
        [user = std::move(user), id = std::move(id)](Connection& c) {
          return request_workflow_cancel(c, user, id);
        });
  }
  awaitable<Result<bool>> resume(WorkflowRun run, Care care) override {
    return requests_.write<bool>(
        [run = std::move(run), care = std::move(care)](Connection& c) -> Result<bool> {
          return resume_workflow_run(c, c.now(), run, care);
        });
  }
  awaitable<Result<std::vector<ElementRun>>> element_runs(model::WorkflowRunId id, int node,
                                                          int after, int limit) override {
    return requests_.read<std::vector<ElementRun>>(
        [id = std::move(id), node, after, limit](Connection& c) -> Result<std::vector<ElementRun>> {
          return store::element_runs(c, id, node, after, limit);
        });
  }

  awaitable<Result<std::optional<double>>> cost_eur(model::WorkflowRunId id) override {
    return requests_.read<std::optional<double>>(
        [id = std::move(id)](Connection& c) -> Result<std::optional<double>> {
          return cost_of_workflow_run(c, id);
        });
  }

  awaitable<Result<std::vector<model::WorkflowRunId>>> take(Care care, bool also_of_others,
                                                            int limit) override {
    return requests_.write<std::vector<model::WorkflowRunId>>(
        [care = std::move(care), also_of_others,
         limit](Connection& c) -> Result<std::vector<model::WorkflowRunId>> {
          return take_workflow_runs(c, c.now(), care, also_of_others, limit);
        },
        Durability::process_death);
  }
  awaitable<Result<void>> extend(Care care) override {
    return requests_.write<void>(
        [care = std::move(care)](Connection& c) -> Result<void> {
          extend_workflow_runs(c, c.now(), care);
          return {};
        },
        Durability::process_death);
  }
  awaitable<Result<WorkflowRun>> load(model::WorkflowRunId id, std::string claimant) override {
    return requests_.read<WorkflowRun>(
        [id = std::move(id), claimant = std::move(claimant)](Connection& c) {
          return load_workflow_run(c, id, claimant);
        });
  }

  awaitable<Result<Stepped>> step(WorkflowStep step) override {
    // A step before the end may be lost with all that came after it: then it is done again.
    const Durability durability =
        model::is_end(step.run.state.status) ? Durability::power_loss : Durability::process_death;
    const auto refused = std::make_shared<std::optional<Stepped::Refused>>();
    auto stepped = co_await requests_.write<Stepped>(
        [this, step = std::move(step), refused](Connection& c) -> Result<Stepped> {
          refused->reset();
          Stepped done;
          if (!write_step(c, c.now(), step)) return done;
          for (std::size_t i = 0; i < step.begin.size(); ++i) {
            auto made = new_run(c, c.now(), step.begin[i], {{}, step.budget, costs_});
            if (!made) {
              *refused = Stepped::Refused{i, made.error()};
              return made.error();
            }
            done.begun.push_back(std::move(made->value));
          }
          done.done = true;
          return done;
        },
        durability);
    if (!stepped && *refused) co_return Stepped{false, {}, std::move(*refused)};
    co_return stepped;
  }
  awaitable<Result<std::vector<NodeRunEnd>>> run_ends(std::vector<model::RunId> ids,
                                                      bool with_results) override {
    return requests_.read<std::vector<NodeRunEnd>>(
        [ids = std::move(ids), with_results](Connection& c) -> Result<std::vector<NodeRunEnd>> {
          return store::run_ends(c, ids, with_results);
        },
        Reads::committed);
  }

 private:
  CostRules costs_;  // used by the database's threads
  Requests requests_;
};

}  // namespace

std::unique_ptr<Workflows> make_sql_workflows(Database& database, CostRules costs) {
  return std::make_unique<SqlWorkflows>(database, std::move(costs));
}

}  // namespace mecapy::store
