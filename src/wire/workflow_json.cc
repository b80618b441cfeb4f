#include "wire/workflow_json.h"

#include "wire/json.h"

namespace mecapy::wire {
namespace {

model::Source read_source(const Fields& fields) {
  const std::string at = fields.text("at").value_or("");
  if (const auto name = fields.text("input")) return model::FromInput{*name, at};
  if (const auto name = fields.text("node")) return model::FromNode{*name, at};
  if (const auto pointer = fields.text("element")) return model::FromElement{*pointer};
  return model::Constant{fields.raw("value").value_or("null")};
}

std::optional<model::Source> read_source(const std::optional<Fields>& fields) {
  if (!fields) return std::nullopt;
  return read_source(*fields);
}

model::NamedSources read_sources(const Fields& fields, std::string_view name) {
  model::NamedSources all;
  for (const auto& [key, source] : fields.nested_map(name)) {
    all.emplace_back(key, read_source(source));
  }
  return all;
}

model::OnError read_on_error(const Fields& fields) {
  const std::string word = fields.text("on_error").value_or("fail");
  if (word == "skip") return model::OnError::skip;
  return word == "default" ? model::OnError::by_default : model::OnError::fail;
}

model::WorkflowNode read_node(std::string name, const Fields& fields) {
  return {.name = std::move(name),
          .task = *fields.text("task"),
          .version = fields.integer("version").value_or(0),
          .inputs = read_sources(fields, "inputs"),
          .each = read_source(fields.nested("for_each")),
          .when = read_source(fields.nested("when")),
          .limits_json = fields.raw("limits").value_or("{}"),
          .attempts = fields.integer("attempts").value_or(1),
          .on_error = read_on_error(fields),
          .default_json = fields.raw("default").value_or("")};
}

// Of a body: what may stand around a definition.
constexpr std::size_t kAroundDefinition = 128 * 1024;

Error too_large() {
  return fail_at("", ErrorCode::too_large,
                 "a workflow has at most " + std::to_string(kLargestDefinition) +
                     " bytes of JSON: let what is large come from a task or from a run's inputs");
}

}  // namespace

Result<void> check_size(std::string_view definition) {
  if (definition.size() > kLargestDefinition) return too_large();
  return {};
}

Result<WorkflowBody> read_workflow(std::string_view body, WorkflowUse use,
                                   const model::Limits& ceilings) {
  const std::string_view spec = use == WorkflowUse::create   ? "WorkflowCreate"
                                : use == WorkflowUse::update ? "WorkflowUpdate"
                                                             : "WorkflowDefinition";
  if (body.size() > kLargestDefinition + kAroundDefinition) return too_large();
  const auto fields = read_fields(body, find_spec(spec), ceilings);
  if (!fields) return fields.error();
  WorkflowBody read{fields->text("name"),
                    fields->text("description"),
                    {fields->raw("inputs"), fields->raw("nodes"), fields->raw("outputs")}};
  if (fields->is_null("description")) read.description = "";
  return read;
}

std::string definition_json(const DefinitionParts& parts, std::string_view earlier) {
  DefinitionParts whole = parts;
  if (const auto members = object_members(earlier.empty() ? "{}" : earlier)) {
    for (const Member& member : *members) {
      auto& part = member.key == "inputs"  ? whole.inputs
                   : member.key == "nodes" ? whole.nodes
                                           : whole.outputs;
      if (!part) part = std::string(member.raw);
    }
  }
  return std::move(ObjectWriter()
                       .raw("inputs", whole.inputs.value_or("{}"))
                       .raw("nodes", whole.nodes.value_or("{}"))
                       .raw("outputs", whole.outputs.value_or("{}")))
      .finish();
}

Result<model::Workflow> read_definition(std::string_view definition) {
  const auto fields = read_fields(definition, find_spec("WorkflowDefinition"));
  if (!fields) return fields.error();
  model::Workflow read;
  for (const auto& [name, input] : fields->nested_map("inputs")) {
    read.inputs.push_back({name, input.raw("default")});
  }
  for (auto& [name, node] : fields->nested_map("nodes"))
    read.nodes.push_back(read_node(name, node));
  read.outputs = read_sources(*fields, "outputs");
  return read;
}

Result<WorkflowExecute> read_workflow_execute(std::string_view body) {
  const auto fields = read_fields(body.empty() ? "{}" : body, find_spec("WorkflowExecute"));
  if (!fields) return fields.error();
  return WorkflowExecute{fields->raw("inputs"), fields->integer("version"),
                         fields->text_list("force").value_or(std::vector<std::string>())};
}

Result<WorkflowResume> read_workflow_resume(std::string_view body) {
  const auto fields = read_fields(body.empty() ? "{}" : body, find_spec("WorkflowResume"));
  if (!fields) return fields.error();
  return WorkflowResume{fields->integer_map("versions"),
                        fields->text_list("force").value_or(std::vector<std::string>())};
}

// ---- what is kept

namespace {

ObjectWriter begin_workflow(const model::KeptWorkflow& workflow) {
  ObjectWriter out;
  out.text("id", workflow.id.str())
      .text("workflow_id", workflow.id.str())
      .text("name", workflow.name)
      .text("description", workflow.description)
      .integer("version", workflow.version);
  return out;
}

std::string end_workflow(ObjectWriter out, const model::KeptWorkflow& workflow) {
  out.text("created_at", base::to_rfc3339(workflow.created_at))
      .text("updated_at", base::to_rfc3339(workflow.updated_at));
  return std::move(out).finish();
}

}  // namespace

std::string workflow_json(const model::KeptWorkflow& workflow) {
  ObjectWriter out = begin_workflow(workflow);
  if (const auto parts = object_members(workflow.definition_json)) {
    for (const Member& part : *parts) out.raw(part.key, part.raw);
  }
  return end_workflow(std::move(out), workflow);
}

std::string workflow_summary_json(const model::KeptWorkflow& workflow) {
  return end_workflow(begin_workflow(workflow), workflow);
}

std::string workflow_check_json(const std::vector<std::string>& order,
                                const WorkflowEstimate& estimate) {
  std::vector<std::string> names;
  for (const std::string& name : order) names.push_back(quote(name));
  ObjectWriter expected;
  if (estimate.duration_s) expected.number("duration_s", *estimate.duration_s);
  if (estimate.eur) expected.number("eur", *estimate.eur);
  expected.boolean("complete", estimate.complete);
  return std::move(ObjectWriter()
                       .integer("nodes", static_cast<std::int64_t>(order.size()))
                       .raw("order", array_of(names))
                       .raw("estimate", std::move(expected).finish()))
      .finish();
}

// ---- runs

namespace {

std::string error_json(const model::NodeError& error, std::string_view node = "") {
  ObjectWriter out;
  if (!node.empty()) out.text("node", node);
  out.text("code", error.code).text("message", error.message);
  if (!error.run_id.empty()) out.text("run_id", error.run_id.str());
  if (error.element) out.integer("element", static_cast<std::int64_t>(*error.element));
  return std::move(out).finish();
}

ObjectWriter begin_run(const model::WorkflowRun& run) {
  ObjectWriter out;
  out.text("id", run.id.str())
      .text("workflow_run_id", run.id.str())
      .text("workflow_id", run.workflow_id.str())
      .integer("version", run.version)
      .text("status", model::name(model::public_status(run.state.status)))
      .integer("attempt", run.attempt)
      .boolean("cancel_requested", run.cancel_requested);
  if (run.error) out.raw("error", error_json(*run.error, run.failed_node));
  return out;
}

std::string end_run(ObjectWriter out, const model::WorkflowRun& run) {
  out.text("queued_at", base::to_rfc3339(run.queued_at));
  if (run.cost_eur) out.number("cost_eur", *run.cost_eur);
  if (run.resumed_at) out.text("resumed_at", base::to_rfc3339(*run.resumed_at));
  if (run.finished_at) out.text("finished_at", base::to_rfc3339(*run.finished_at));
  return std::move(out).finish();
}

ObjectWriter with_nodes(const model::Workflow& definition, const model::WorkflowRun& run) {
  ObjectWriter out = begin_run(run);
  std::vector<std::string> nodes;
  for (std::size_t i = 0; i < definition.nodes.size(); ++i) {
    nodes.push_back(workflow_node_json(definition, run, i));
  }
  out.raw("nodes", array_of(nodes));
  return out;
}

}  // namespace

std::string workflow_node_json(const model::Workflow& definition, const model::WorkflowRun& run,
                               std::size_t place) {
  const model::WorkflowNode& node = definition.nodes[place];
  const model::NodeState& state = run.state.nodes[place];
  const model::NodeRecord& record = run.nodes[place];
  ObjectWriter out;
  out.text("name", node.name)
      .text("task_id", record.task_id.str())
      .integer("version", record.version)
      .text("status", model::name(state.status));
  const auto count = [&](std::string_view name, std::size_t number) {
    out.integer(name, static_cast<std::int64_t>(number));
  };
  if (node.each && state.status >= model::NodeStatus::running) {
    count("elements", state.elements);
    count("ended", state.begun - state.open.size());
    count("failed", state.failed);
    count("reused", record.reused);
  }
  if (!record.run_id.empty()) out.text("run_id", record.run_id.str());
  if (!record.reused_from.empty()) out.text("reused_from", record.reused_from.str());
  if (state.by_default) out.boolean("by_default", true);
  if (record.error) out.raw("error", error_json(*record.error));
  if (record.started_at) out.text("started_at", base::to_rfc3339(*record.started_at));
  if (record.finished_at) out.text("finished_at", base::to_rfc3339(*record.finished_at));
  return std::move(out).finish();
}

std::string workflow_run_json(const model::Workflow& definition, const model::WorkflowRun& run,
                              std::optional<std::string_view> result) {
  ObjectWriter out = with_nodes(definition, run);
  if (result) out.raw("result", *result);
  return end_run(std::move(out), run);
}

Around workflow_run_json_around_result(const model::Workflow& definition,
                                       const model::WorkflowRun& run) {
  ObjectWriter out = with_nodes(definition, run);
  out.raw("result", "");
  const std::size_t here = out.size();
  std::string before = end_run(std::move(out), run);
  std::string after = before.substr(here);
  before.resize(here);
  return {std::move(before), std::move(after)};
}

std::string workflow_run_summary_json(const model::WorkflowRun& run) {
  return end_run(begin_run(run), run);
}

std::string workflow_accepted_json(const model::WorkflowRun& run) {
  return std::move(ObjectWriter()
                       .text("status", model::name(model::public_status(run.state.status)))
                       .text("workflow_id", run.workflow_id.str())
                       .text("workflow_run_id", run.id.str()))
      .finish();
}

std::string workflow_never_ran_json(const model::WorkflowId& workflow) {
  return std::move(ObjectWriter()
                       .text("workflow_id", workflow.str())
                       .raw("workflow_run_id", "null")
                       .raw("status", "null"))
      .finish();
}

std::string element_run_json(int element, const model::Run& run) {
  const std::string listed = run_summary_json(run);
  return "{\"element\":" + std::to_string(element) + "," + listed.substr(1);
}

}  // namespace mecapy::wire
