#include "main/command_words.h"

#include "model/limits.h"
#include "model/run.h"

namespace mecapy::main::words {
namespace {

constexpr const char* kRun = "id of the run, a unique beginning of it, or last";
constexpr const char* kTask = "id of the task, a unique beginning of it, or its name";
constexpr const char* kWorkflow = "id of the workflow, a unique beginning of it, or its name";
constexpr const char* kWorkflowRun =
    "id of the run of a workflow, a unique beginning of it, or last";
constexpr const char* kWorkflowFile =
    "definition in a .json, .yaml or .yml file; the task of a node is an id, a name, or a .py file "
    "below its folder";
constexpr const char* kInputs =
    "name=value (JSON or text), name=@value.json, @file.json, or @- for standard input";

// A flag that stands for a setting; only those given are kept.
void setting(CLI::App& app, Typed& typed, const std::string& flag, const std::string& name,
             const std::string& type, const std::string& help) {
  app.add_option_function<std::string>(
         flag, [&typed, name](const std::string& value) { typed.settings[name] = value; }, help)
      ->type_name(type);
}

void profile(CLI::App& app, Typed& typed) {
  setting(app, typed, "--profile", "worker.profile", "host|container", "isolation of runs");
}

template <class Value>
CLI::Option& operand(CLI::App& app, const std::string& name, Value& value,
                     const std::string& help) {
  return *app.add_option(name, value, help)->type_name("");
}

template <class Value>
CLI::Option& option(CLI::App& app, const char* names, Value& value, const std::string& type,
                    const std::string& help) {
  return *app.add_option(names, value, help)->type_name(type);
}

void inputs(CLI::App& app, std::vector<std::string>& into, const std::string& help) {
  app.add_option("-i,--inputs", into, help)->type_name("NAME=VALUE")->allow_extra_args(false);
}
void limits(CLI::App& app, std::vector<std::string>& into) {
  std::string names;
  for (const model::LimitRow& row : model::limit_table())
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  app.add_option("-l,--limit", into, "such as timeout_s=10; repeatable. There are " + names)
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
}

void count(CLI::App& app, std::int64_t& most) {
  option(app, "-n,--count", most, "N", "so many at most, the newest; 0: all").capture_default_str();
}

void detach(CLI::App& app, Typed& typed, const char* which) {
  CLI::Option* const flag = app.add_flag_callback(
      "--detach", [&typed] { typed.how.wait = Wait::not_at_all; },
      std::string("print the run's id and leave it to itself") + which);
  if (CLI::Option* const output = app.get_option_no_throw("--output")) flag->excludes(output);
}

// Those of a command that begins a run at a server.
void how(CLI::App& app, Typed& typed, const char* which) {
  detach(app, typed, which);
  app.add_flag("--fresh", typed.how.fresh,
               std::string("calculate, also when an earlier run could answer") + which);
  option(app, "--seconds", typed.how.seconds, "SECONDS",
         std::string("that it takes, as you know, before any other estimate") + which);
}

void timeout(CLI::App& app, std::optional<double>& seconds) {
  option(app, "--timeout", seconds, "SECONDS", "wait so long at most; 0: do not wait")
      .check([](const std::string& text) {
        double value = -1;
        const bool read = CLI::detail::lexical_cast(text, value) && value >= 0;
        return read ? std::string() : "write seconds, not \"" + text + "\"";
      });
}

void files_of_nodes(CLI::App& app, std::string& folder) {
  option(app, "-o,--output", folder, "FOLDER",
         "where files of its nodes are kept, each node's in a folder of its name");
}

void force(CLI::App& app, std::vector<std::string>& nodes) {
  option(app, "--force", nodes, "NODE",
         "calculate this node, also when an earlier run could answer; repeatable")
      .allow_extra_args(false);
}

void task_fields(CLI::App& app, Typed& typed) {
  option(app, "--name", typed.task.name, "NAME", "what people call it");
  option(app, "--description", typed.task.description, "TEXT", "for people");
  option(app, "--tag", typed.task.tags, "WORD", "a word to find it by; repeatable")
      .allow_extra_args(false);
  inputs(app, typed.task.inputs,
         "what a run gets that is given no inputs: " + std::string(kInputs));
  limits(app, typed.task.limits);
  option(app, "--cache", typed.task.cache_s, "SECONDS",
         "answer from a completed run that ended at most so long ago; 0: never");
  option(app, "--estimate", typed.task.estimate_s, "SECONDS", "how long a run takes");
}

}  // namespace

void none(CLI::App&, Typed&) {}

void settings(CLI::App& app, Typed& typed, Place place) {
  option(app, "--config", typed.config_file, "FILE",
         place == Place::operators ? "settings file; ./mecapy.toml when there is one"
                                   : "settings file; none is read unasked");
  setting(app, typed, "--data-dir", "data_dir", "FOLDER",
          "folder of the database, the objects and the token");
  setting(app, typed, "--log-level", "log_level", "debug|info|warn|error", "what is logged");
  setting(app, typed, "--log-format", "log_format", "text|json", "of the log");
}

void server(CLI::App& app, Typed& typed) {
  option(app, "--server", typed.server.server, "URL",
         "the server to call; else MECAPY_URL, the one logged in to, or that of this machine");
  app.add_flag_callback(
      "--json", [&typed] { typed.server.format = Format::json; }, "for programs");
}

void run(CLI::App& app, Typed& typed) {
  operand(app, "FILE", typed.run.file,
          "Python file that defines calculate(inputs); - for standard input")
      .required();
  inputs(app, typed.run.inputs, std::string(kInputs) + "; repeatable");
  limits(app, typed.run.limits);
  option(app, "-o,--output", typed.run.output, "FOLDER", "where its files are kept");
  app.add_flag("--remote", typed.remote, "at a server instead of here");
  how(app, typed, " (--remote)");
  profile(app, typed);
}

void task_create(CLI::App& app, Typed& typed) {
  operand(app, "FILE", typed.task.file,
          "Python file that defines calculate(inputs); - for standard input")
      .required();
  task_fields(app, typed);
}

void task_list(CLI::App& app, Typed& typed) { count(app, typed.most); }

void task_show(CLI::App& app, Typed& typed) {
  operand(app, "TASK", typed.task.task, kTask).required();
  option(app, "--version", typed.task.version, "N", "this version instead of the latest");
  app.add_flag("--code", typed.task.code_only, "the code alone");
}

void task_update(CLI::App& app, Typed& typed) {
  operand(app, "TASK", typed.task.task, kTask).required();
  operand(app, "FILE", typed.task.file, "its new code; - for standard input");
  task_fields(app, typed);
}

void task_delete(CLI::App& app, Typed& typed) {
  operand(app, "TASK", typed.task.task, kTask).required();
}

void task_run(CLI::App& app, Typed& typed) {
  operand(app, "TASK", typed.task_run.task, kTask).required();
  inputs(app, typed.task_run.inputs,
         "over the task's own: " + std::string(kInputs) + "; repeatable");
  app.add_flag("--no-defaults", typed.task_run.no_defaults, "none of the task's own inputs");
  option(app, "--version", typed.task_run.version, "N", "this version instead of the latest");
  option(app, "-o,--output", typed.task_run.output, "FOLDER", "where its files are kept");
  how(app, typed, "");
}

void task_estimate(CLI::App& app, Typed& typed) {
  operand(app, "TASK", typed.estimate.task, kTask).required();
  inputs(app, typed.estimate.inputs, std::string(kInputs) + "; repeatable");
  limits(app, typed.estimate.limits);
  option(app, "--version", typed.estimate.version, "N", "this version instead of the latest");
  option(app, "--seconds", typed.estimate.seconds, "SECONDS", "that it takes, as you know");
}

void workflow_create(CLI::App& app, Typed& typed) {
  operand(app, "FILE", typed.workflow.file, kWorkflowFile).required();
  option(app, "--name", typed.workflow.name, "NAME",
         "what people call it; else as the file says, or is called itself (of workflow.yaml its "
         "folder)");
  option(app, "--description", typed.workflow.description, "TEXT", "for people");
}

void workflow_check(CLI::App& app, Typed& typed) {
  operand(app, "FILE", typed.workflow.file, kWorkflowFile).required();
}

void workflow_run(CLI::App& app, Typed& typed) {
  operand(app, "WORKFLOW", typed.workflow_run.workflow,
          std::string(kWorkflow) + "; or a file, which is kept as create does")
      .required();
  inputs(app, typed.workflow_run.inputs,
         "over its defaults: " + std::string(kInputs) + "; repeatable");
  option(app, "--version", typed.workflow_run.version, "N", "this version instead of the latest");
  files_of_nodes(app, typed.workflow_run.output);
  force(app, typed.workflow_run.force);
  app.add_flag("--fresh", typed.how.fresh,
               "calculate all nodes, also those that an earlier run "
               "could answer");
  detach(app, typed, "");
}

void workflow_show(CLI::App& app, Typed& typed) {
  ShowWorkflow& how = typed.workflow_shown;
  operand(app, "WORKFLOW", how.workflow,
          "id or name of a workflow, id of a run of one, last, or a file")
      .required();
  option(app, "--version", how.version, "N", "of a workflow: this version instead of the latest");
  app.add_option_function<std::string>(
         "--svg", [&how](const std::string& file) { how.svg = file; },
         "as a picture, into this file; without one, or with -, to standard output")
      ->type_name("FILE")
      ->expected(0, 1);
  app.add_flag("--mermaid", how.mermaid, "as a mermaid diagram, for Markdown");
  app.add_flag("--force", how.replace, "also over a picture that is there and differs");
  option(app, "--node", how.node, "NODE",
         "of a run: this node's run or, of a list, those of its elements, the failed ones first");
  option(app, "-n,--count", how.most, "N", "with --node: so many at most; 0: all")
      .capture_default_str();
}

void workflow_resume(CLI::App& app, Typed& typed) {
  operand(app, "WORKFLOW-RUN", typed.workflow_resumed.run, kWorkflowRun).required();
  option(app, "--version", typed.workflow_resumed.versions, "NODE=N",
         "this version of the task of a node, or NODE=latest; repeatable")
      .allow_extra_args(false);
  files_of_nodes(app, typed.workflow_resumed.output);
  force(app, typed.workflow_resumed.force);
  detach(app, typed, "");
}

void workflow_list(CLI::App& app, Typed& typed) { count(app, typed.most); }

void workflow_runs(CLI::App& app, Typed& typed) {
  option(app, "--workflow", typed.runs.task, "WORKFLOW", "only of this workflow");
  option(app, "--status", typed.runs.status, "running|completed|failed|cancelled", "only those");
  count(app, typed.runs.most);
}

void workflow_result(CLI::App& app, Typed& typed) {
  operand(app, "WORKFLOW-RUN", typed.result.run, kWorkflowRun).required();
  timeout(app, typed.result.timeout_s);
  files_of_nodes(app, typed.result.output);
}

void workflow_cancel(CLI::App& app, Typed& typed) {
  operand(app, "WORKFLOW-RUN", typed.which_run, kWorkflowRun).required();
}

void workflow_delete(CLI::App& app, Typed& typed) {
  operand(app, "WORKFLOW", typed.workflow_shown.workflow, kWorkflow).required();
}

void runs(CLI::App& app, Typed& typed) {
  operand(app, "RUN", typed.runs.run, "this one, whole: its id, a unique beginning of it, or last");
  option(app, "--task", typed.runs.task, "TASK", "only of this task");
  option(app, "--status", typed.runs.status, model::status_names("|", "|"), "only those");
  option(app, "--workflow-run", typed.runs.workflow_run, "WORKFLOW-RUN",
         "those of its nodes, which are not listed otherwise");
  count(app, typed.runs.most);
}

void result(CLI::App& app, Typed& typed) {
  operand(app, "RUN", typed.result.run, kRun).required();
  timeout(app, typed.result.timeout_s);
  option(app, "-o,--output", typed.result.output, "FOLDER", "where its files are kept");
}

void logs(CLI::App& app, Typed& typed) {
  operand(app, "RUN", typed.which_run, kRun).required();
  app.add_flag("-f,--follow", typed.follow, "go on until the run has ended");
}

void cancel(CLI::App& app, Typed& typed) { operand(app, "RUN", typed.which_run, kRun).required(); }

void download(CLI::App& app, Typed& typed) {
  operand(app, "RUN", typed.download.run, kRun).required();
  operand(app, "NAME", typed.download.names, "of files; all, when none is named");
  option(app, "-o,--output", typed.download.output, "FOLDER", "where to").capture_default_str();
  app.add_flag("--force", typed.download.replace, "also over files that are there and differ");
}

void login(CLI::App& app, Typed& typed) {
  operand(app, "URL", typed.login,
          "the server; else MECAPY_URL, the one logged in to, or that of this machine. - reads a "
          "token from standard input");
  app.add_flag("--token-stdin", typed.token_stdin, "the same as -");
}

void serve(CLI::App& app, Typed& typed) {
  setting(app, typed, "--host", "server.host", "ADDRESS", "IP address to listen on");
  setting(app, typed, "--port", "server.port", "N", "port to listen on; 0 picks a free one");
  profile(app, typed);
}

void worker(CLI::App& app, Typed& typed) {
  setting(app, typed, "--host", "worker.host", "ADDRESS", "IP address to listen on");
  option(app, "--port", typed.worker.port, "N", "port to listen on");
  profile(app, typed);
  option(app, "--socket", typed.worker.socket, "FILE", "listen on this Unix socket instead");
  option(app, "--home", typed.worker.home, "URL",
         "take one run from this server, tell it what becomes of it, and end");
  option(app, "--token-file", typed.worker.token_file, "FILE", "with the token of that run");
  app.add_option("--pulse-fd", typed.worker.pulse_fd)->group("");
  app.add_option("--run-as", typed.worker.run_as)->group("");
  app.add_flag("--quiet-stop", typed.worker.quiet_stop)->group("");
}

void doctor(CLI::App& app, Typed& typed) { profile(app, typed); }

void config(CLI::App& app, Typed& typed) {
  app.add_flag_callback(
      "--all", [&typed] { typed.format = ConfigFormat::all; },
      "also its default, type, variable and meaning");
  app.add_flag_callback(
      "--json", [&typed] { typed.format = ConfigFormat::json; }, "for programs");
}

void cost(CLI::App& app, Typed& typed) {
  option(app, "--runs-per-day", typed.cost.runs_per_day, "N", "so many, 30 days a month")
      .capture_default_str();
  option(app, "--seconds", typed.cost.seconds, "SECONDS", "that each of them takes")
      .capture_default_str();
  option(app, "--memory", typed.cost.memory, "SIZE", "that each of them may use, such as 512MB")
      .capture_default_str();
  option(app, "--cpus", typed.cost.cpus, "N", "that each of them may use").capture_default_str();
  app.add_flag_callback(
      "--json", [&typed] { typed.cost.format = Format::json; }, "for programs");
}

void costs(CLI::App& app, Typed& typed) {
  app.add_option("--by", typed.costs.by, "what is summed up in a line")
      ->type_name("day|user|task|backend")
      ->check(CLI::IsMember({"day", "user", "task", "backend"}).description(""))
      ->capture_default_str();
  option(app, "--from", typed.costs.from, "DAY",
         "the first day, as 2026-11-01, UTC; else the first of this month");
  option(app, "--to", typed.costs.to, "DAY", "the last day; else today");
  option(app, "--user", typed.costs.user, "USER", "only of this user");
}

void machines(CLI::App& app, Typed& typed) {
  option(app, "--forget", typed.machines.forget, "PLACER",
         "forget what is known of one that machines.placers names no more; removes nothing there");
}

void token(CLI::App& app, Typed& typed) {
  operand(app, "USER", typed.user, "name of the user").required();
}

void health(CLI::App& app, Typed& typed) {
  operand(app, "URL", typed.url, "such as http://127.0.0.1:8080, of which /health/ready is asked")
      .required();
}

void completion(CLI::App& app, Typed& typed) {
  app.add_option(
         "SHELL", typed.shell,
         "for which; tasks, runs, workflows and workflow-runs print what the scripts offer there")
      ->type_name("bash|zsh|fish|tasks|runs|workflows|workflow-runs")
      ->check(CLI::IsMember({"bash", "zsh", "fish", "tasks", "runs", "workflows", "workflow-runs"})
                  .description(""))
      ->required();
}

void help(CLI::App& app, Typed& typed) {
  std::string words = "a command, or a topic:";
  for (const Topic& topic : topic_table()) words += " " + std::string(topic.name);
  operand(app, "WORD", typed.topic, words);
}

}  // namespace mecapy::main::words
