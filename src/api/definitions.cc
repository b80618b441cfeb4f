// Definitions of workflows, read.
#include "api/workflow_calls.h"

namespace mecapy::api {
namespace {

constexpr std::size_t kSmallest = 8 * 1024;  // bytes that one counts for: it bounds their number

awaitable<Result<Definition>> read_once(Api& api, std::string key, const std::string& json) {
  if (const Definition* known = Routes::definitions(api).find(key)) co_return *known;
  auto read = co_await base::beside_loop<Definition>(
      Routes::parts(api).threads, json.size(), [&]() -> Result<Definition> {
        auto definition = wire::read_definition(json);
        if (!definition) return definition.error();
        return std::make_shared<const model::Workflow>(std::move(*definition));
      });
  if (read) Routes::definitions(api).put(key, *read, std::max(json.size(), kSmallest));
  co_return read;
}

std::string key_of(const model::WorkflowId& id, int version) {
  return id.str() + "/" + std::to_string(version);
}

}  // namespace

awaitable<Result<Definition>> definition_of(Api& api, const model::WorkflowRun& run) {
  return read_once(api, key_of(run.workflow_id, run.version), run.definition_json);
}

awaitable<Result<Definition>> definition_of(Api& api, const model::KeptWorkflow& workflow) {
  return read_once(api, key_of(workflow.id, workflow.version), workflow.definition_json);
}

}  // namespace mecapy::api
