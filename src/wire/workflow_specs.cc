// The shapes of workflows.
#include "wire/workflow_json.h"

namespace mecapy::wire {
namespace {

using enum FieldType;
using enum Need;

constexpr double kMostNodes = 1000;
constexpr double kMostNames = 200;

const FieldSpec kName{"name", text, required, "what people call it", 1, 200};
const FieldSpec kDescription{"description", text, optional, "for people", 0, 10'000};
const FieldSpec kInputs{"inputs", nested_map, optional,       "what a run of it is given, by name",
                        0,        kMostNames, "WorkflowInput"};
const FieldSpec kNodes{"nodes",
                       nested_map,
                       required,
                       "its calculations, by name; they have at most 20000 inputs altogether, and "
                       "inputs, nodes and outputs at most 1 MiB of JSON",
                       1,
                       kMostNodes,
                       "WorkflowNode"};
const FieldSpec kOutputs{"outputs", nested_map, required, "what a run of it results in, by name",
                         1,         kMostNames, "Source"};
const FieldSpec kForce{
    "force",  text_list,
    optional, "names of nodes that are calculated although an earlier run could answer",
    0,        kMostNodes};
const FieldSpec kNext{"next", text, optional, "cursor of the next page; absent on the last"};

FieldSpec as(Need need, FieldSpec spec) {
  spec.need = need;
  return spec;
}

std::vector<ObjectSpec> definition_specs() {
  FieldSpec clearable = kDescription;
  clearable.null = Null::allowed;
  return {
      {"WorkflowCreate", "A new workflow", {kName, kDescription, kInputs, kNodes, kOutputs}},
      {"WorkflowUpdate",
       "Changes to a workflow. Any of inputs, nodes, outputs makes a new immutable version; null"
       " takes the description away",
       {as(optional, kName), clearable, kInputs, as(optional, kNodes), as(optional, kOutputs)}},
      {"WorkflowDefinition",
       "A workflow to be looked at",
       {as(optional, kName), kDescription, kInputs, kNodes, kOutputs}},
      {"WorkflowInput",
       "An input of a workflow",
       {{"default", any, optional, "when a run is given none; without one it must be given"}}},
      {"WorkflowNode",
       "One calculation of a workflow",
       {{"task", text, required, "id of the task", 1, 200},
        {"version", integer, optional, "of the task; the latest when a run begins, if absent", 1,
         1e9},
        {"inputs", nested_map, optional,
         "what calculate receives, by name (at most 200 characters), over the task's default "
         "inputs",
         0, kMostNames, "Source"},
        {"for_each", nested, optional, "a list: one run for each element, results in its order", 0,
         0, "Source"},
        {"when", nested, optional, "a boolean: where it is false the node is skipped", 0, 0,
         "Source"},
        {"limits", limits, optional, "what a run may use, instead of what the task says"},
        {"attempts", integer, optional, "runs that may fail before the node does; 1", 1, 10},
        {"on_error", choice, optional,
         "fail (when absent): the workflow fails; skip: the node is skipped with all that needs "
         "it, "
         "or, with for_each, the failed elements are left out; default: a value stands in",
         0, 0, "fail, skip or default"},
        {"default", any, optional, "that value"}}},
      {"Source",
       "Where a value comes from",
       {{"value", any, optional, "a constant"},
        {"input", text, optional, "name of an input of the workflow", 1, 64},
        {"node", text, optional,
         "name of a node, for its result; of one with for_each the list of its elements' results",
         1, 64},
        {"element", text, optional,
         "JSON pointer (RFC 6901) into the element, \"\" for all of it; in inputs of a node with "
         "for_each",
         0, 1000},
        {"at", text, optional,
         "of input and node only: JSON pointer into it; into each result of a node with for_each",
         0, 1000}},
       {"value", "input", "node", "element"},
       {{"at", {"input", "node"}}}},
      {"WorkflowExecute",
       "A run of a workflow",
       {{"inputs", object, optional, "by the names of its inputs"},
        {"version", integer, optional, "instead of the latest", 1, 1e9},
        kForce}},
      {"WorkflowResume",
       "How a run of a workflow is taken up: what is completed stays, but for what is named here "
       "and all that needs it",
       {{"versions", integer_map, optional, "by the name of a node: the version of its task now", 1,
         1e9},
        kForce}},
  };
}

std::vector<FieldSpec> workflow_fields() {
  return {{"id", uuid, required, "the workflow"},
          {"workflow_id", uuid, required, "the same"},
          {"name", text, required, "what people call it"},
          {"description", text, required, "for people"},
          {"version", integer, required, "number of the version shown, or of the latest"},
          {"inputs", nested_map, required, "what a run of it is given", 0, 0, "WorkflowInput"},
          {"nodes", nested_map, required, "its calculations", 0, 0, "WorkflowNode"},
          {"outputs", nested_map, required, "what a run of it results in", 0, 0, "Source"},
          {"created_at", time, required, "made"},
          {"updated_at", time, required, "last changed"}};
}

ObjectSpec workflow_summary_spec() {
  ObjectSpec spec{"WorkflowSummary", "A workflow as lists show it", workflow_fields()};
  std::erase_if(spec.fields, [](const FieldSpec& field) { return field.type == nested_map; });
  return spec;
}

std::vector<FieldSpec> run_fields() {
  return {
      {"id", uuid, required, "the run of the workflow"},
      {"workflow_run_id", uuid, required, "the same"},
      {"workflow_id", uuid, required, "its workflow"},
      {"version", integer, required, "of the workflow"},
      {"status", status, required, "running or how it ended"},
      {"attempt", integer, required, "1; each resumption raises it"},
      {"cancel_requested", boolean, required, "somebody asked to stop it"},
      {"error", nested, optional, "failed ones: the first node that failed it", 0, 0,
       "WorkflowError"},
      {"nodes", nested_list, required, "in the order of the definition", 0, 0, "WorkflowRunNode"},
      {"result", object, optional, "completed ones, where it was asked for: the outputs"},
      {"queued_at", time, required, "accepted"},
      {"resumed_at", time, optional, "its attempt began; absent in the first"},
      {"finished_at", time, optional, "ended"}};
}

ObjectSpec run_summary_spec() {
  ObjectSpec spec{"WorkflowRunSummary", "A run of a workflow as lists show it", run_fields()};
  std::erase_if(spec.fields, [](const FieldSpec& field) {
    return field.name == "nodes" || field.name == "result";
  });
  return spec;
}

ObjectSpec run_spec() {
  ObjectSpec spec{"WorkflowRun", "A run of a workflow", run_fields()};
  spec.fields.push_back({"cost_eur", number, optional, "what its runs cost so far, EUR"});
  return spec;
}

std::vector<ObjectSpec> run_specs() {
  return {
      run_spec(),
      run_summary_spec(),
      {"WorkflowRunNode",
       "A node of a run of a workflow",
       {{"name", text, required, "in the definition"},
        {"task_id", uuid, required, "its task"},
        {"version", integer, required, "of the task"},
        {"status", text, required, "waiting, running, completed, failed or skipped"},
        {"elements", integer, optional, "for_each: length of the list, once it is known"},
        {"ended", integer, optional, "for_each: elements whose run has ended"},
        {"failed", integer, optional, "for_each: of those, the ones that failed"},
        {"reused", integer, optional, "for_each: of those, the ones an earlier run answered"},
        {"run_id", uuid, optional, "its run, the last of them; not of for_each"},
        {"reused_from", uuid, optional,
         "the earlier run that answered: nothing had changed, and nothing was calculated"},
        {"by_default", boolean, optional, "its default stands in for the result"},
        {"error", nested, optional, "why it failed, or the first of its elements did", 0, 0,
         "WorkflowError"},
        {"started_at", time, optional, "its first run was made"},
        {"finished_at", time, optional, "ended"}}},
      {"WorkflowError",
       "Why a node failed",
       {{"node", text, optional, "its name; not where an output is not there"},
        {"code", text, required,
         "of the run: an outcome code; where none could be made: invalid_inputs (what it needs is "
         "not in the results, or is of another kind), budget_exhausted or another error code"},
        {"message", text, required, "for people"},
        {"run_id", uuid, optional, "the run that failed"},
        {"element", integer, optional, "for_each: of this element, from 0"}}},
      {"WorkflowAccepted",
       "A run of a workflow that has not ended yet",
       {{"status", status, required, "running"},
        {"workflow_id", uuid, required, "its workflow"},
        {"workflow_run_id", uuid, required, "the run of it"}}},
      {"WorkflowNeverRan",
       "The latest run of a workflow that never ran",
       {{"workflow_id", uuid, required, "the workflow"},
        {"workflow_run_id", none, required, "there is none"},
        {"status", none, required, "there is none"}}},
      {"WorkflowRunPage",
       "Newest first",
       {{"items", nested_list, required, "without nodes", 0, 0, "WorkflowRunSummary"}, kNext}},
      {"NodeRunPage",
       "Runs of one node, in the order of its elements",
       {{"items", nested_list, required, "runs, each with its element from 0", 0, 0, "NodeRun"},
        kNext}},
  };
}

}  // namespace

std::vector<ObjectSpec> workflow_specs() {
  std::vector<ObjectSpec> all = definition_specs();
  all.push_back({"Workflow", "A workflow with the version asked for", workflow_fields()});
  all.push_back(workflow_summary_spec());
  all.push_back(
      {"WorkflowPage",
       "Newest first",
       {{"items", nested_list, required, "without definitions", 0, 0, "WorkflowSummary"}, kNext}});
  all.push_back({"WorkflowCheck",
                 "A definition that has nothing wrong",
                 {{"nodes", integer, required, "how many"},
                  {"order", text_list, required, "their names, as they can begin"},
                  {"estimate", nested, required, "of a run", 0, 0, "WorkflowEstimate"}}});
  all.push_back({"WorkflowEstimate",
                 "What a run of a workflow would take and cost, as far as it is known",
                 {{"duration_s", number, optional, "of the longest path; seconds"},
                  {"eur", number, optional, "EUR"},
                  {"complete", boolean, required,
                   "every node's duration and price is known, and no list's length is open"}}});
  for (ObjectSpec& spec : run_specs()) all.push_back(std::move(spec));
  return all;
}

}  // namespace mecapy::wire
