// The JSON of workflows: definitions, what is kept of them, and their runs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/workflow.h"
#include "model/workflow_run.h"
#include "wire/api_json.h"
#include "wire/schema.h"

namespace mecapy::wire {

std::vector<ObjectSpec> workflow_specs();

// The parts of a definition as a request gives them.
struct DefinitionParts {
  std::optional<std::string> inputs{}, nodes{}, outputs{};  // JSON
  bool any() const { return inputs || nodes || outputs; }
};
struct WorkflowBody {
  std::optional<std::string> name{}, description{};
  DefinitionParts parts{};
};
enum class WorkflowUse : std::uint8_t { create, update, check };
// Bytes of a definition.
inline constexpr std::size_t kLargestDefinition = 1024 * 1024;
// too_large when that is larger.
Result<void> check_size(std::string_view definition);

// Limits are checked against `ceilings`; for the rest of what a definition says see
// workflow/check.h. too_large when the body can only hold a definition that is.
Result<WorkflowBody> read_workflow(std::string_view body, WorkflowUse use,
                                   const model::Limits& ceilings);
// The definition of a kept workflow: `parts` in the place of those of `earlier` (which may be
// empty).
std::string definition_json(const DefinitionParts& parts, std::string_view earlier);
// What a kept definition says. It was read by read_workflow before.
Result<model::Workflow> read_definition(std::string_view definition);

struct WorkflowExecute {
  std::optional<std::string> inputs{};  // JSON
  std::optional<int> version{};
  std::vector<std::string> force{};  // nodes that no earlier run answers for
};
// An empty body means {}.
Result<WorkflowExecute> read_workflow_execute(std::string_view body);

struct WorkflowResume {
  std::vector<std::pair<std::string, int>> versions{};  // of the tasks of nodes
  std::vector<std::string> force{};
};
Result<WorkflowResume> read_workflow_resume(std::string_view body);

std::string workflow_json(const model::KeptWorkflow& workflow);
// The same without inputs, nodes and outputs.
std::string workflow_summary_json(const model::KeptWorkflow& workflow);

struct WorkflowEstimate {
  std::optional<double> duration_s{};  // of the longest path, as far as it is known
  std::optional<double> eur{};
  bool complete = true;  // nothing is unknown
};
// `order`: names of the nodes as they can begin.
std::string workflow_check_json(const std::vector<std::string>& order,
                                const WorkflowEstimate& estimate);

// One node of a run, which stands at `place` in `definition`.
std::string workflow_node_json(const model::Workflow& definition, const model::WorkflowRun& run,
                               std::size_t place);
std::string workflow_run_json(const model::Workflow& definition, const model::WorkflowRun& run,
                              std::optional<std::string_view> result);
// Of one whose result stands elsewhere: what comes before and after it.
Around workflow_run_json_around_result(const model::Workflow& definition,
                                       const model::WorkflowRun& run);
// Without its nodes.
std::string workflow_run_summary_json(const model::WorkflowRun& run);
std::string workflow_accepted_json(const model::WorkflowRun& run);
// {workflow_id, workflow_run_id: null, status: null}: a workflow that never ran.
std::string workflow_never_ran_json(const model::WorkflowId& workflow);
// A run of a node, as a page of them has it.
std::string element_run_json(int element, const model::Run& run);

}  // namespace mecapy::wire
