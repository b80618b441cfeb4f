#include "workflow/resume.h"

#include "workflow/engine.h"

namespace mecapy::workflow {

model::WorkflowRun resumed(const model::WorkflowRun& ended, const model::Workflow& definition,
                           const Resumption& how) {
  model::WorkflowRun run = ended;
  std::vector<std::size_t> changed = how.force;
  for (const auto& [place, version] : how.versions) {
    if (run.nodes[place].version != version) changed.push_back(place);
    run.nodes[place].version = version;
  }
  run.state = Plan(definition).resumed(ended.state, changed);
  for (std::size_t i = 0; i < run.nodes.size(); ++i) {
    if (run.state.nodes[i].status != NodeStatus::waiting) continue;
    model::NodeRecord anew;
    anew.task_id = run.nodes[i].task_id;
    anew.version = run.nodes[i].version;
    anew.since = ended.attempt + 1;
    anew.fresh_since = run.nodes[i].fresh_since;
    run.nodes[i] = std::move(anew);
  }
  ++run.attempt;
  for (const std::size_t place : how.force) run.nodes[place].fresh_since = run.attempt;
  run.result = {};
  return run;
}

}  // namespace mecapy::workflow
