// Definitions of workflows, and pointers into texts (wire/workflow_json.h, workflow/check.h,
// workflow/engine.h, wire/pointer.h).
#include "base/problems.h"
#include "fuzz.h"
#include "wire/json.h"
#include "wire/pointer.h"
#include "wire/python_values.h"
#include "wire/workflow_json.h"
#include "workflow/check.h"
#include "workflow/engine.h"

namespace mecapy::fuzz {
namespace {

// What has nothing wrong begins with something to do, and can be cancelled.
void plan(const model::Workflow& definition) {
  const workflow::Plan plan(definition);
  workflow::State state = plan.start();
  promise(!plan.step(state, workflow::Begun{}, 4).empty(), "a workflow has something to do");
  const auto actions = plan.step(state, workflow::CancelAsked{}, 4);
  promise(actions.size() == 1 && std::holds_alternative<workflow::Finish>(actions.front()),
          "one that runs nothing ends when it is cancelled");
}

void definition(std::string_view body) {
  const auto read = wire::read_workflow(body, wire::WorkflowUse::check, model::default_ceilings());
  if (!read) return;
  const std::string json = wire::definition_json(read->parts, "");
  promise(wire::validate_json(json).has_value(), "a definition is JSON");
  const auto definition = wire::read_definition(json);
  promise(definition.has_value(), "what was read can be read again");
  const auto any = [](const std::string&, int) { return std::optional(model::CodeFacts{}); };
  const auto problems = workflow::check(*definition, any);
  for (const FieldProblem& problem : problems) {
    const bool counts = problems.size() > base::kMostProblems && &problem == &problems.back();
    promise(counts || problem.pointer.starts_with('/'), "a problem has its place");
  }
  if (problems.empty()) plan(*definition);
}

void requests(std::string_view body) {
  const auto execute = wire::read_workflow_execute(body);
  promise(!execute || !execute->inputs || wire::validate_json(*execute->inputs).has_value(),
          "inputs are JSON");
  const auto resume = wire::read_workflow_resume(body);
  if (!resume) return;
  for (const auto& [name, version] : resume->versions) {
    promise(version > 0, "versions count from 1");
  }
}

// A pointer up to the first line's end, and what it points into.
void pointer(std::string_view text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return;
  const std::string_view json = text.substr(end + 1);
  if (!wire::validate_json(json)) return;
  const auto inside = wire::value_in(json, text.substr(0, end));
  promise(!inside || wire::validate_json(*inside).has_value(), "a value of Python's is JSON");
  const auto list = wire::list_in(json, 100);
  promise(!list || (wire::validate_json(*list).has_value() && list->starts_with('[')),
          "a list is an array");
  (void)wire::kind_in(json, text.substr(0, end));
  const auto value = wire::value_at(json, text.substr(0, end));
  promise(!value || inside == *value, "what stands there is what is found");
  if (!value) return;
  promise(
      value->data() >= json.data() && value->data() + value->size() <= json.data() + json.size(),
      "a value stands in its text");
  promise(wire::validate_json(*value).has_value(), "a value is JSON");
}

using Reader = void (*)(std::string_view);
constexpr Reader kReaders[] = {definition, requests, pointer};

}  // namespace
}  // namespace mecapy::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mecapy::fuzz;
  const Input input = read_input(data, size);
  kReaders[input.choice % std::size(kReaders)](input.bytes);
  return 0;
}
