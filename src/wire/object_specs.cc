// The table of shapes. One row a field; parsing, OpenAPI and the docs page read it.
#include <cstdlib>

#include "base/listed.h"
#include "model/cost.h"
#include "wire/machine_json.h"
#include "wire/schema.h"
#include "wire/workflow_json.h"

namespace mecapy::wire {
namespace {

using enum FieldType;
using enum Need;

constexpr double kCodeLimit = 1024 * 1024;
constexpr double kLongest = 30 * 24 * 3600;  // seconds

const FieldSpec kName{"name", text, required, "what people call it", 1, 200};
const FieldSpec kCode{
    "code", text, required, "Python source (UTF-8) that defines calculate(inputs)", 1, kCodeLimit};
const FieldSpec kInputs{"inputs", object, optional, "what calculate receives, as a dict"};
const FieldSpec kLimits{"limits", limits, optional,
                        "what a run may use; defaults for what is absent"};
const FieldSpec kEstimate{"estimated_duration_s",
                          number,
                          optional,
                          "how long a run takes, as far as the author knows; seconds",
                          0,
                          kLongest};
const FieldSpec kCallerEstimate{"estimated_duration_s",
                                number,
                                optional,
                                "how long this run takes, as far as the caller knows; seconds",
                                0,
                                kLongest};
const FieldSpec kDescription{"description", text, optional, "for people", 0, 10'000};
const FieldSpec kTags{"tags", text_list, optional, "words to find it by", 0, 20};

const FieldSpec kCache{"cache",
                       nested,
                       optional,
                       "whether a run may be answered from an earlier one of the same code, "
                       "environment and inputs",
                       0,
                       0,
                       "Cache"};

const FieldSpec kNext{"next", text, optional,
                      "cursor of the next page, also of one that is shorter than asked for because "
                      "its texts are long; absent on the last"};
const FieldSpec kArtifactCount{"artifact_count", integer, optional,
                               "ended runs: how many artifacts it left"};

FieldSpec optional_field(FieldSpec spec) {
  spec.need = optional;
  return spec;
}

// A field that null takes away.
FieldSpec clearable_field(FieldSpec spec) {
  spec.null = Null::allowed;
  return spec;
}

std::vector<ObjectSpec> request_specs() {
  return {
      {"TaskCreate",
       "A new task",
       {kName, kCode, kInputs, kLimits, kCache, kEstimate, kDescription, kTags}},
      {"TaskUpdate",
       "Changes to a task. Any of code, inputs, limits makes a new immutable version; null takes"
       " cache, estimated_duration_s or description away",
       {optional_field(kName), optional_field(kCode), kInputs, kLimits, clearable_field(kCache),
        clearable_field(kEstimate), clearable_field(kDescription), kTags}},
      {"Execute",
       "A run of a task",
       {{"inputs", object, optional, "instead of the version's default inputs"},
        {"version", integer, optional, "instead of the latest", 1, 1e9},
        kCallerEstimate}},
      {"AdHocExecute",
       "A calculation to run at once",
       {kCode, kInputs, kLimits, kCache, kCallerEstimate, optional_field(kName)}},
      {"Cache",
       "A completed run that ended at most `ttl` ago answers; Cache-Control: no-cache, no-store or "
       "max-age=0 at an execute has it calculated all the same",
       {{"ttl", number, required, "seconds", 1, kLongest}}},
      {"Cancel", "Nothing: no body, or an empty object", {}},
      {"WorkerExecute",
       "One attempt, as the worker receives it",
       {{"task_id", text, required, "the task's id", 1, 64},
        {"code", text, required, "the Python source, base64", 1, 2 * kCodeLimit},
        {"inputs_s3_key", text, optional, "object below inputs/ that holds the inputs (JSON)", 0,
         256},
        {"user_id", text, optional, "whose run it is", 0, 256},
        {"run_id", text, optional, "the run's id; the task's id when absent", 1, 64},
        {"attempt", integer, optional, "1 for the first", 1, 1e6},
        {"inputs", any, optional, "the inputs themselves, instead of inputs_s3_key"},
        kLimits,
        {"checkpoint", nested, optional, "the state that an attempt before saved", 0, 0,
         "WorkerCheckpoint"},
        {"environment", text, optional, "name of the Python environment", 0, 64},
        {"entry", text, optional, "name of the function; calculate", 0, 64}}},
      {"WorkerCheckpoint",
       "A state of the run that an attempt saved, as the object checkpoints/RUN/NUMBER",
       {{"attempt", integer, required, "which", 1, 1e6},
        {"number", integer, required, "among those it saved", 1, 1e9},
        {"bytes", integer, required, "its size", 1, 1e9},
        {"sha256", text, required, "of its bytes, hexadecimal", 64, 64}}},
      {"WorkerCheck",
       "Code to look at without running it",
       {{"code", text, required, "the Python source, base64", 1, 2 * kCodeLimit}}},
  };
}

ObjectSpec run_spec() {
  return {
      "Run",
      "One run, whole; its result at /results, its log at /logs",
      {{"id", uuid, required, "the run"},
       {"run_id", uuid, required, "the same"},
       {"task_id", uuid, required, "its task"},
       {"version", integer, required, "the task's version that ran"},
       {"status", status, required, "where it is"},
       {"attempt", integer, required, "0 until a worker had it"},
       {"cancel_requested", boolean, required, "somebody asked to stop it"},
       {"backend", text, optional,
        "where it goes, or went: local, serverless_container, dedicated_instance"},
       {"estimate", nested, optional, "by which that was chosen", 0, 0, "Estimate"},
       {"moved_from", text, optional, "the backend whose limit it outlived"},
       {"workflow_run_id", uuid, optional, "the workflow run of whose nodes it is"},
       {"checkpoint", nested, optional, "queued and running ones: the state it saved last", 0, 0,
        "Checkpoint"},
       {"resumed_from", integer, optional,
        "the attempt whose checkpoint the last one began with, where it began with one"},
       {"waiting", text, optional, "queued ones, where it is known: why it does not run yet"},
       {"progress", nested, optional, "running ones that told it: the latest", 0, 0, "Progress"},
       {"error", nested, optional, "failed runs; or the platform's last fault", 0, 0, "RunError"},
       {"usage", nested, optional, "ended runs", 0, 0, "Usage"},
       {"cost", nested, optional,
        "runs that have ended or cost something: of all attempts and machines so far", 0, 0,
        "Cost"},
       kArtifactCount,
       {"artifacts", nested_list, optional, "ended runs", 0, 0, "Artifact"},
       {"log_truncated", boolean, optional, "the log was longer than its limit"},
       {"result", any, optional, "completed runs, where the result was asked for"},
       {"environment", text, optional, "the Python environment it ran in: packages and runtime"},
       {"cached_from", uuid, optional, "the run that was calculated, when this one was not"},
       {"queued_at", time, required, "accepted"},
       {"started_at", time, optional, "first claimed"},
       {"finished_at", time, optional, "ended"}}};
}

ObjectSpec run_summary_spec() {
  ObjectSpec spec = run_spec();
  spec.name = "RunSummary";
  spec.meaning = "A run as a list shows it: its error without traceback";
  std::erase_if(spec.fields, [](const FieldSpec& field) {
    return field.name == "artifacts" || field.name == "progress" || field.name == "result";
  });
  return spec;
}

ObjectSpec node_run_spec() {
  ObjectSpec spec = run_summary_spec();
  spec.name = "NodeRun";
  spec.meaning = "A run of a node of a workflow";
  spec.fields.insert(spec.fields.begin(),
                     {"element", integer, required, "from 0; 0 without a list"});
  return spec;
}

std::vector<ObjectSpec> run_specs() {
  return {
      {"RunError",
       "Why a run failed",
       {{"code", outcome, required, "one of the closed list of outcome codes"},
        {"message", text, required, "for the author"},
        {"fault", text, required, "calculation, limit or platform"},
        {"traceback", text, optional,
         "the author's own frames and those of the libraries he called"},
        {"line", integer, optional, "line in the author's code, 1-based"},
        {"column", integer, optional, "column, 1-based"}}},
      {"Estimate",
       "How long a run is expected to take",
       {{"duration_s", number, required, "seconds"},
        {"source", text, required,
         "who says so: caller, history (what nineteen of twenty earlier runs of the version did "
         "not "
         "exceed), task or default"},
        {"samples", integer, optional, "history: how many earlier runs"}}},
      {"Checkpoint",
       "A state that the run saved: it is given to the attempt after it, when there must be one",
       {{"saved_at", time, required, "when it was here"},
        {"attempt", integer, required, "which saved it"},
        {"bytes", integer, required, "its size"}}},
      {"Usage",
       "What the attempt used",
       {{"wall_ms", number, required, "from there to the end of the calculation"},
        {"cpu_ms", number, required, "CPU time of all its processes, milliseconds"},
        {"peak_memory_mb", number, required, "peak memory, MiB"},
        {"setup_ms", number, required,
         "from the order to the sandbox until the run can read its job"},
        {"log_bytes", integer, required, "bytes printed"},
        {"result_bytes", integer, required, "bytes of the encoded result"},
        {"artifact_bytes", integer, required, "bytes of all artifacts"},
        {"written_bytes", integer, optional,
         "bytes its processes wrote, by the kernel's count: files, log, result; not there when the "
         "run was killed"}}},
      {"Progress",
       "How far a calculation says it is",
       {{"fraction", any, required, "done part of the work, 0 to 1; null when it does not say"},
        {"message", text, required, "what is being done"}}},
      {"Artifact",
       "A file or figure the calculation left",
       {{"name", text, required, "path below the working folder"},
        {"size", integer, required, "bytes"},
        {"content_type", text, required, "media type, by the name's ending"},
        {"sha256", text, required, "hexadecimal"},
        {"url", text, optional, "where to get it"}}},
      run_spec(),
      run_summary_spec(),
      node_run_spec(),
      {"Link",
       "Where an artifact can be read by anyone who has this",
       {{"url", text, required, "for GET, without a token"},
        {"expires_at", time, required, "good until then"}}},
      {"RunPage",
       "Newest first",
       {{"items", nested_list, required, "runs without results", 0, 0, "RunSummary"}, kNext}},
      {"NeverRan",
       "The latest run of a task that never ran",
       {{"task_id", uuid, required, "the task"},
        {"run_id", none, required, "there is none"},
        {"status", none, required, "there is none"}}},
      {"Accepted",
       "A run that has not ended yet",
       {{"status", status, required, "queued or running"},
        {"task_id", uuid, required, "its task"},
        {"run_id", uuid, required, "the run"}}},
  };
}

std::vector<FieldSpec> cost_fields() {
  return {{"eur", number, required, "EUR, of what has a known price"},
          {"complete", boolean, required, "all prices are known, and nothing more is to come"},
          {"why", text, optional, "why it is not complete"},
          {"prices_of", text, optional, "date of the oldest price in it"},
          {"free_allowances", text, required,
           "left_out: what an account has for nothing every month is not taken off"},
          {"components", nested_list, required, "the lines of it", 0, 0, "CostComponent"}};
}

// As cost_fields, of a run that may not be possible there.
std::vector<FieldSpec> backend_cost_fields() {
  std::vector<FieldSpec> fields = {
      {"configured", boolean, required, "runs can go there on this server"},
      {"machine", text, optional, "the kind of machine that would be made for it"},
      {"not_possible", text, optional, "why it cannot hold the run; then no cost is told"}};
  for (FieldSpec field : cost_fields()) fields.push_back(optional_field(field));
  return fields;
}

// What the lines of a cost are called, and counted in, as people read it.
struct KindWords {
  std::string names;
  std::string units;
};
KindWords kind_words() {
  std::vector<std::string_view> names;
  std::vector<std::string_view> units;
  for (const model::CostKindRow& row : model::kCostKinds) {
    names.push_back(row.name);
    units.push_back(row.unit);
  }
  return {base::listed(names, " or "), base::listed(units, " or ")};
}

std::vector<ObjectSpec> cost_specs() {
  static const KindWords kinds = kind_words();  // which the rows point into
  return {
      {"Estimated",
       "A run to be estimated",
       {{"inputs", object, optional, "what calculate would receive; it changes no estimate"},
        {"version", integer, optional, "instead of the latest", 1, 1e9},
        kLimits,
        kCallerEstimate}},
      {"AdHocEstimated",
       "A run without a task to be estimated",
       {{"inputs", object, optional, "what calculate would receive; it changes no estimate"},
        kLimits,
        kCallerEstimate}},
      {"Cost", "What a run cost, or would", cost_fields()},
      {"CostComponent",
       "One line of a cost",
       {{"name", text, required, kinds.names},
        {"item", text, required, "of the table of prices"},
        {"quantity", number, required, "how much of it"},
        {"unit", text, required, kinds.units},
        {"free", number, required, "of the quantity, for nothing"},
        {"eur_each", number, optional, "price of one unit; not there when nobody knows it"},
        {"eur", number, optional, "the same of all"}}},
      {"CostSum",
       "What some runs cost",
       {{"key", text, optional,
         "the day, user, task (ad_hoc: of none that is kept) or backend; not of the total"},
        {"runs", integer, required,
         "that have ended or cost something, but those that earlier ones answered"},
        {"eur", number, required, "EUR"},
        {"incomplete_runs", integer, required, "of them, those whose cost is not complete"}}},
      {"Costs",
       "What runs cost, by the day they were accepted on",
       {{"by", text, required, "day, user, task or backend"},
        {"from", text, required, "the first day, UTC"},
        {"to", text, required, "the last day"},
        {"items", nested_list, required, "in the order of their keys", 0, 0, "CostSum"},
        {"total", nested, required, "of all pages", 0, 0, "CostSum"},
        {"next", text, optional, "cursor of the next page; absent on the last"}}},
      {"RunEstimate",
       "What a run would take and cost, and where it would go",
       {{"task_id", uuid, optional, "the task"},
        {"version", integer, optional, "of the task"},
        {"duration", nested, required, "how long it is expected to take", 0, 0, "Estimate"},
        {"backend", nested, required, "where it would go", 0, 0, "BackendChoice"},
        {"cost", nested, required, "on each backend", 0, 0, "BackendCosts"}}},
      {"BackendChoice",
       "Where a run would go",
       {{"chosen", text, required, "local, serverless_container or dedicated_instance"},
        {"why", text, required, "the rule of router.rules"}}},
      {"BackendCosts",
       "What a run would cost on each backend",
       {{"local", nested, optional, "the worker beside the server", 0, 0, "BackendCost"},
        {"serverless_container", nested, optional, "a container", 0, 0, "BackendCost"},
        {"dedicated_instance", nested, optional, "a machine made for it", 0, 0, "BackendCost"}}},
      {"BackendCost", "What a run would cost on one backend", backend_cost_fields()},
  };
}

std::vector<ObjectSpec> other_specs() {
  return {
      {"Task",
       "A task with the version asked for",
       {{"id", uuid, required, "the task"},
        {"name", text, required, "what people call it"},
        {"description", text, required, "for people"},
        {"tags", text_list, required, "words to find it by"},
        {"version", integer, required, "number of the version shown"},
        {"code", text, required, "Python source"},
        {"inputs", object, required, "default inputs"},
        {"limits", limits, required, "what a run may use"},
        {"cache", nested, optional, "when runs may be answered from earlier ones", 0, 0, "Cache"},
        {"estimated_duration_s", number, optional, "seconds"},
        {"created_at", time, required, "made"},
        {"updated_at", time, required, "last changed"}}},
      {"TaskSummary",
       "A task as lists show it: its latest version without code and inputs",
       {{"id", uuid, required, "the task"},
        {"name", text, required, "what people call it"},
        {"description", text, required, "for people"},
        {"tags", text_list, required, "words to find it by"},
        {"version", integer, required, "number of the latest version"},
        {"limits", limits, required, "what a run may use"},
        {"cache", nested, optional, "when runs may be answered from earlier ones", 0, 0, "Cache"},
        {"estimated_duration_s", number, optional, "seconds"},
        {"created_at", time, required, "made"},
        {"updated_at", time, required, "last changed"}}},
      {"TaskPage",
       "Newest first",
       {{"items", nested_list, required, "tasks without code and inputs", 0, 0, "TaskSummary"},
        kNext}},
      {"FieldProblem",
       "One wrong place of a request",
       {{"pointer", text, required,
         "JSON pointer (RFC 6901) into the body, empty for all of it; or #query/NAME, "
         "#header/NAME, #path/NAME, #method"},
        {"detail", text, required, "what is wrong"},
        {"line", integer, optional, "in source code, 1-based"},
        {"column", integer, optional, "1-based"}}},
      {"Problem",
       "An error (RFC 9457)",
       {{"type", text, required, "a URI reference that names the code"},
        {"title", text, required, "the kind of error"},
        {"status", integer, required, "the HTTP status"},
        {"code", error, required, "stable, for programs"},
        {"detail", text, required, "what happened"},
        {"request_id", text, required, "to ask the operator about"},
        {"errors", nested_list, optional, "one for each wrong place", 0, 0, "FieldProblem"}}},
      {"Me",
       "Who calls",
       {{"user", text, required, "whose tasks and runs the caller has"},
        {"admin", boolean, required,
         "whether the identity provider gave the administrators' role (oidc.admin_role), which "
         "shows everybody's costs and opens nothing more"},
        {"proof", text, required,
         "token: one of this server's own; openid_connect: the identity provider's"}}},
      {"ProtectedResource",
       "How callers are known (RFC 9728)",
       {{"resource", text, required, "this server's address, as the request had it"},
        {"authorization_servers", text_list, required,
         "issuers whose tokens it takes; none when its tokens are its own"},
        {"bearer_methods_supported", text_list, required, "header: Authorization: Bearer TOKEN"},
        {"mecapy_client_id", text, optional,
         "the issuer's public client, by which programs of a person log in (RFC 8628)"}}},
      {"Health",
       "Whether it can work",
       {{"status", text, required,
         "ok (of live); ready, degraded (works without what is away), or unavailable (of ready)"},
        {"parts", object, optional,
         "each part by name: its status (ok, unknown, degraded, unavailable) and why it is not ok; "
         "unknown is taken for well"}}},
  };
}

}  // namespace

const std::vector<ObjectSpec>& object_specs() {
  static const std::vector<ObjectSpec> specs = [] {
    std::vector<ObjectSpec> all = request_specs();
    for (auto&& more :
         {run_specs(), cost_specs(), machine_specs(), workflow_specs(), other_specs()})
      all.insert(all.end(), more.begin(), more.end());
    return all;
  }();
  return specs;
}

const ObjectSpec& find_spec(std::string_view name) {
  for (const ObjectSpec& spec : object_specs()) {
    if (spec.name == name) return spec;
  }
  std::abort();
}

}  // namespace mecapy::wire
