// The store's part of workflows: what is kept of them, and how far their runs have come.
//
// A run of a workflow is in the care of one process at a time, by a lease; whatever process has it,
// each step is a compare-and-set on its revision, in one transaction with the runs that the step
// begins. So no step is done twice, and none half.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/workflow.h"
#include "model/workflow_run.h"
#include "store/calls.h"
#include "store/costs.h"

namespace mecapy::store {

using boost::asio::awaitable;

// Absent fields stay as they are. A definition makes a new version.
struct WorkflowChange {
  std::optional<std::string> name{};
  std::optional<std::string> description{};
  std::optional<std::string> definition_json{};
};

struct WorkflowRunFilter {
  std::optional<model::WorkflowId> workflow_id{};
  std::optional<model::RunStatus> status{};
};

// Whose care a run of a workflow is in, and for how long.
struct Care {
  std::string claimant;
  std::chrono::microseconds lease{};
};

struct WorkflowStep {
  // As it is afterwards, but for the revision: that is the one it was read with.
  model::WorkflowRun run;
  std::vector<std::size_t> changed{};  // nodes
  std::string claimant{};
  std::vector<model::Run> begin{};  // each with its place
  std::optional<Budget> budget{};
};
struct Stepped {
  bool done = false;                // nothing was written when it is not: the revision is another
  std::vector<model::Run> begun{};  // as submit_run answers them
  // The run that the store does not take, and why; then nothing was written either.
  struct Refused {
    std::size_t which;
    Error why;
  };
  std::optional<Refused> refused{};
};

// What became of a run of a node.
struct NodeRunEnd {
  model::RunId run_id;
  model::RunStatus status = model::RunStatus::queued;
  std::string code{};  // failed ones
  std::string message{};
  model::Payload result{};  // completed ones, where it was asked for
};

// The run that counts for an element: the last one.
struct ElementRun {
  int element = 0;
  model::Run run{};
};

class Workflows {
 public:
  virtual ~Workflows() = default;

  // ---- what is kept; as tasks are
  virtual awaitable<Result<Created<model::KeptWorkflow>>> create(
      model::KeptWorkflow workflow, std::optional<Idempotency> key) = 0;
  virtual awaitable<Result<std::optional<model::KeptWorkflow>>> made_by(std::string user,
                                                                        Idempotency key) = 0;
  virtual awaitable<Result<model::KeptWorkflow>> get(std::string user, model::WorkflowId id,
                                                     std::optional<int> version) = 0;
  // As listed they have no definition.
  virtual awaitable<Result<Page<model::KeptWorkflow>>> list(std::string user, PageRequest page) = 0;
  virtual awaitable<Result<model::KeptWorkflow>> update(std::string user, model::WorkflowId id,
                                                        WorkflowChange change) = 0;
  virtual awaitable<Result<void>> remove(std::string user, model::WorkflowId id) = 0;

  // ---- runs. The caller fills all but queued_at. not_found when the workflow is not this user's,
  // or has no such version.
  virtual awaitable<Result<Created<model::WorkflowRun>>> begin(model::WorkflowRun run, Care care,
                                                               std::optional<Idempotency> key) = 0;
  virtual awaitable<Result<std::optional<model::WorkflowRun>>> run_made_by(std::string user,
                                                                           Idempotency key) = 0;
  virtual awaitable<Result<model::WorkflowRun>> get_run(std::string user,
                                                        model::WorkflowRunId id) = 0;
  // Nothing when it never ran.
  virtual awaitable<Result<std::optional<model::WorkflowRun>>> latest_run(std::string user,
                                                                          model::WorkflowId id) = 0;
  // Without nodes, inputs and results.
  virtual awaitable<Result<Page<model::WorkflowRun>>> list_runs(std::string user,
                                                                WorkflowRunFilter filter,
                                                                PageRequest page) = 0;
  // Whose care it is in sees to the rest; one that has ended is conflict.
  virtual awaitable<Result<model::WorkflowRun>> request_cancel(std::string user,
                                                               model::WorkflowRunId id) = 0;
  // An ended one goes on as `run` says, with its attempt raised. False when it is not ended, or has
  // another revision.
  virtual awaitable<Result<bool>> resume(model::WorkflowRun run, Care care) = 0;
  // The runs that count for a node, in the order of elements, behind element `after` (-1: all):
  // without inputs, logs and artifacts.
  virtual awaitable<Result<std::vector<ElementRun>>> element_runs(model::WorkflowRunId id, int node,
                                                                  int after, int limit) = 0;

  // What the runs of its nodes cost so far, EUR; nothing when none did, or is known.
  virtual awaitable<Result<std::optional<double>>> cost_eur(model::WorkflowRunId id) = 0;

  // ---- who takes care of them
  // What nobody takes care of any more, or, with `also_of_others`, anybody but the claimant, is now
  // in this one's care.
  virtual awaitable<Result<std::vector<model::WorkflowRunId>>> take(Care care, bool also_of_others,
                                                                    int limit) = 0;
  // What is in the claimant's care stays so.
  virtual awaitable<Result<void>> extend(Care care) = 0;
  // not_found when it is in another's care.
  virtual awaitable<Result<model::WorkflowRun>> load(model::WorkflowRunId id,
                                                     std::string claimant) = 0;
  // A step that ends the run is durable; others are with the next write that is.
  virtual awaitable<Result<Stepped>> step(WorkflowStep step) = 0;
  // In the order of `ids`; those that there are. As they are committed: what is told of them to
  // anybody must come by another call, which waits until it is on the disk.
  virtual awaitable<Result<std::vector<NodeRunEnd>>> run_ends(std::vector<model::RunId> ids,
                                                              bool with_results) = 0;
};

}  // namespace mecapy::store
