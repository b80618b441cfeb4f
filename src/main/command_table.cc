#include "main/command_table.h"

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "cli/completion.h"
#include "main/command_words.h"
#include "main/complain.h"

namespace mecapy::main {
namespace {

constexpr std::string_view kCalculate = "Calculate";
constexpr std::string_view kLogin = "Your server";
constexpr std::string_view kAdministration = "Administration";
constexpr std::string_view kHelp = "Help";

int run(const config::Loaded& loaded, const Typed& typed) {
  if (typed.remote) return run_file_there(loaded.settings, typed.server, typed.run, typed.how);
  const bool of_server = typed.how.fresh || typed.how.seconds ||
                         typed.how.wait == Wait::not_at_all || !typed.server.server.empty();
  if (of_server) {
    return complain(fail(ErrorCode::usage,
                         "--server, --detach, --fresh and --seconds are for run --remote; without "
                         "it the calculation is done here"));
  }
  RunStart start = typed.run;
  start.format = typed.server.format;
  start.config_file = typed.config_file;
  return run_file(loaded.settings, start);
}

int log_in(const config::Loaded& loaded, const Typed& typed) {
  LoginStart start;
  if (typed.token_stdin) start.from = TokenFrom::standard_input;
  for (const std::string& word : typed.login) {
    if (word == "-") {
      start.from = TokenFrom::standard_input;
    } else if (!start.url.empty()) {
      // A token would stand in the list of processes, for all to see.
      return complain(fail(ErrorCode::usage,
                           "one address is enough; a token is asked for, or read from standard "
                           "input: mecapy login URL - < FILE"));
    } else {
      start.url = word;
    }
  }
  return login(loaded.settings, start);
}

std::vector<CommandRow> calculate_rows() {
  using L = const config::Loaded&;
  using T = const Typed&;
  return {
      {"run", kCalculate, "one calculation, now: in the sandbox here, or --remote at a server",
       "mecapy run calc.py -i force=1000 -i section=10\n"
       "mecapy run calc.py -i @inputs.json -o out --remote",
       "with --remote the run with its result: Run; with --detach: Accepted. Here: the result",
       Place::here, words::run, run},
      {"task", kCalculate, "calculations that are kept at a server: create, list, show, ...", "",
       "", Place::nowhere, words::none, nullptr},
      {"task create", "", "keep a calculation; prints its id",
       "mecapy task create calc.py --name bolt -i force=1000 -i section=10", "the task: Task",
       Place::server, words::task_create,
       [](L l, T t) { return create_task(l.settings, t.server, t.task); }},
      {"task list", "", "your tasks, the newest first", "mecapy task list",
       "an array of TaskSummary", Place::server, words::task_list,
       [](L l, T t) { return list_tasks(l.settings, t.server, t.most); }},
      {"task show", "", "one task with its code",
       "mecapy task show bolt\nmecapy task show bolt --code > calc.py", "the task: Task",
       Place::server, words::task_show,
       [](L l, T t) { return show_task(l.settings, t.server, t.task); }},
      {"task update", "", "change a task; new code, inputs or limits make a new version",
       "mecapy task update bolt calc.py", "the task: Task", Place::server, words::task_update,
       [](L l, T t) { return update_task(l.settings, t.server, t.task); }},
      {"task delete", "", "hide a task; its runs stay", "mecapy task delete bolt", "nothing",
       Place::server, words::task_delete,
       [](L l, T t) { return delete_task(l.settings, t.server, t.task); }},
      {"task run", "", "run a task, and wait for its result",
       "mecapy task run bolt -i force=2000 -i section=10",
       "the run with its result: Run; with --detach: Accepted", Place::server, words::task_run,
       [](L l, T t) { return run_task(l.settings, t.server, t.task_run, t.how); }},
      {"task estimate", "", "what a run of a task would take and cost; nothing is run",
       "mecapy task estimate bolt\nmecapy task estimate bolt --seconds 300 -l cpus=0.5",
       "the estimate: RunEstimate", Place::server, words::task_estimate,
       [](L l, T t) { return estimate_task(l.settings, t.server, t.estimate); }},
      {"workflow", kCalculate, "calculations that feed each other: create, run, show, ...", "", "",
       Place::nowhere, words::none, nullptr},
      {"workflow create", "",
       "keep a workflow, and its .py files as tasks; what is there already is changed. Prints its "
       "id",
       "mecapy workflow create joint.yaml", "the workflow: Workflow", Place::server,
       words::workflow_create,
       [](L l, T t) { return create_workflow(l.settings, t.server, t.workflow); }},
      {"workflow check", "",
       "what is wrong with a workflow, and what a run would take. It is not kept; its .py files "
       "are, "
       "as create does, because only tasks can be looked at",
       "mecapy workflow check joint.yaml", "what was found: WorkflowCheck", Place::server,
       words::workflow_check,
       [](L l, T t) { return check_workflow(l.settings, t.server, t.workflow); }},
      {"workflow run", "", "run a workflow, and wait for its outputs",
       "mecapy workflow run joint -i force=1000\n"
       "mecapy workflow run joint.yaml -i @inputs.json --force preload",
       "the run with its result: WorkflowRun; with --detach: WorkflowAccepted", Place::server,
       words::workflow_run,
       [](L l, T t) { return run_workflow(l.settings, t.server, t.workflow_run, t.how); }},
      {"workflow show", "",
       "the graph of a workflow, or of a run of one with the state of each node",
       "mecapy workflow show last\nmecapy workflow show last --node preload\n"
       "mecapy workflow show joint --svg joint.svg",
       "the workflow: Workflow; of a run: WorkflowRun; of a file the definition; with --node: an "
       "array of NodeRun",
       Place::server, words::workflow_show,
       [](L l, T t) { return show_workflow(l.settings, t.server, t.workflow_shown); }},
      {"workflow resume", "",
       "take up a workflow that failed or was cancelled; what is completed stays",
       "mecapy workflow resume last --version preload=latest", "as of workflow run", Place::server,
       words::workflow_resume,
       [](L l, T t) { return resume_workflow(l.settings, t.server, t.workflow_resumed, t.how); }},
      {"workflow list", "", "your workflows, the newest first", "mecapy workflow list",
       "an array of WorkflowSummary", Place::server, words::workflow_list,
       [](L l, T t) { return list_workflows(l.settings, t.server, t.most); }},
      {"workflow runs", "", "your runs of workflows, the newest first",
       "mecapy workflow runs --workflow joint", "an array of WorkflowRunSummary", Place::server,
       words::workflow_runs,
       [](L l, T t) { return show_workflow_runs(l.settings, t.server, t.runs); }},
      {"workflow result", "", "the outputs of a run of a workflow, once it has ended",
       "mecapy workflow result last", "the run with its result: WorkflowRun", Place::server,
       words::workflow_result,
       [](L l, T t) { return show_workflow_result(l.settings, t.server, t.result); }},
      {"workflow cancel", "", "stop a run of a workflow, and the runs of its nodes",
       "mecapy workflow cancel last", "the run: WorkflowRun", Place::server, words::workflow_cancel,
       [](L l, T t) { return cancel_workflow_run(l.settings, t.server, t.which_run); }},
      {"workflow delete", "", "hide a workflow; its runs and tasks stay",
       "mecapy workflow delete joint", "nothing", Place::server, words::workflow_delete,
       [](L l, T t) { return delete_workflow(l.settings, t.server, t.workflow_shown.workflow); }},
      {"runs", kCalculate, "your runs at a server, the newest first; or one of them, whole",
       "mecapy runs --status failed\nmecapy runs last", "an array of RunSummary; of one run: Run",
       Place::server, words::runs,
       [](L l, T t) { return show_runs(l.settings, t.server, t.runs); }},
      {"result", kCalculate, "the result of a run, once it has ended", "mecapy result last",
       "the run with its result: Run", Place::server, words::result,
       [](L l, T t) { return show_result(l.settings, t.server, t.result); }},
      {"logs", kCalculate, "what a run printed", "mecapy logs -f last",
       "{\"run_id\", \"log\"}; with -f one line for each event: {\"event\", \"id\", \"data\"}",
       Place::server, words::logs,
       [](L l, T t) { return show_log(l.settings, t.server, t.which_run, t.follow); }},
      {"cancel", kCalculate, "stop a run, wherever it is", "mecapy cancel last", "the run: Run",
       Place::server, words::cancel,
       [](L l, T t) { return cancel_run(l.settings, t.server, t.which_run); }},
      {"download", kCalculate, "the files and figures of a run",
       "mecapy download last -o out\nmecapy download last table.csv",
       "an array of {\"name\", \"path\", \"size\", \"sha256\"}", Place::server, words::download,
       [](L l, T t) { return download(l.settings, t.server, t.download); }},
      {"costs", kCalculate, "what your runs cost; to who keeps the server, everybody's",
       "mecapy costs --by task --from 2026-11-01", "the sums: Costs, in one page", Place::server,
       words::costs, [](L l, T t) { return show_costs(l.settings, t.server, t.costs); }},
  };
}

std::vector<CommandRow> other_rows() {
  using L = const config::Loaded&;
  using T = const Typed&;
  return {
      {"login", kLogin, "log in to a server, in a browser or with a token",
       "mecapy login https://mecapy.example.org\nmecapy login https://mecapy.example.org - < token",
       "", Place::nowhere, words::login, log_in},
      {"logout", kLogin, "forget the login that is saved, and have the provider take it back",
       "mecapy logout", "", Place::nowhere, words::none, [](L, T) { return logout(); }},
      {"whoami", kLogin, "which server, and who you are to it", "mecapy whoami",
       "{\"server\", \"user\", \"admin\", \"token_from\"}", Place::server, words::none,
       [](L l, T t) { return who_am_i(l.settings, t.server); }},
      {"serve", kAdministration, "API, dispatcher and a local worker", "mecapy serve --port 8081",
       "", Place::operators, words::serve, [](L l, T) { return serve(l.settings); }},
      {"worker", kAdministration, "the container's program: POST /execute, GET /health",
       "mecapy worker --port 8080", "", Place::operators, words::worker,
       [](L l, T t) { return worker(l.settings, t.worker); }},
      {"doctor", kAdministration,
       "which isolation layers work here, which machines there are, and what to do",
       "mecapy doctor", "", Place::operators, words::doctor,
       [](L l, T) { return doctor(l.settings); }},
      {"machines", kAdministration,
       "machines that a server has made for runs, and what of them could not be removed",
       "mecapy machines", "{\"machines\": [Machine], \"leftovers\": [Leftover]}", Place::server,
       words::machines, [](L l, T t) { return show_machines(l.settings, t.server, t.machines); }},
      {"config", kAdministration, "every setting, its value and where it came from",
       "mecapy config --all", "an array of {\"name\", \"value\", \"from\", \"default\", ...}",
       Place::operators, words::config, [](L l, T t) { return show_config(l, t.format); }},
      {"cost", kAdministration, "what runs cost, where they could go, and the seed's own figures",
       "mecapy cost --runs-per-day 1000 --seconds 30 --memory 2GB",
       "{\"load\", \"backends\", \"seed\", \"differences\", \"prices\"}", Place::operators,
       words::cost, [](L l, T t) { return show_cost(l.settings, t.cost); }},
      {"contract", kAdministration, "routes, outcomes, errors and limits, as JSON for programs",
       "mecapy contract > contract.json", "", Place::nowhere, words::none,
       [](L, T) { return show_contract(); }},
      {"token", kAdministration, "a new token for a user, printed once", "mecapy token ada", "",
       Place::operators, words::token, [](L l, T t) { return add_token(l.settings, t.user); }},
      {"health", kAdministration, "asks a server how it is; exit status 0: well",
       "mecapy health http://127.0.0.1:8080", "", Place::here, words::health,
       [](L, T t) { return health(t.url); }},
      {"completion", kHelp, "a script by which a shell completes commands, flags, tasks and runs",
       "source <(mecapy completion bash)", "", Place::nowhere, words::completion,
       [](L l, T t) { return complete(l.settings, t); }},
      {"help", kHelp, "help for a command or a topic", "mecapy help exit-codes", "", Place::nowhere,
       words::help, [](L, T t) { return tell_help(*t.program, t.topic); }},
  };
}

std::vector<std::string> split(std::string_view words) {
  std::istringstream in{std::string(words)};
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

}  // namespace

const std::vector<CommandRow>& command_table() {
  static const std::vector<CommandRow> table = [] {
    std::vector<CommandRow> rows = calculate_rows();
    for (const CommandRow& row : other_rows()) rows.push_back(row);
    return rows;
  }();
  return table;
}

void build_program(CLI::App& program, Typed& typed) {
  typed.program = &program;
  program.require_subcommand(1);
  for (const CommandRow& row : command_table()) {
    const std::vector<std::string> words = split(row.words);
    CLI::App* parent = &program;
    for (std::size_t i = 0; i + 1 < words.size(); ++i) parent = parent->get_subcommand(words[i]);
    CLI::App& app = *parent->add_subcommand(words.back(), std::string(row.meaning));
    app.group(row.group.empty() ? "Commands" : std::string(row.group));
    if (row.act == nullptr) app.require_subcommand(1);
    row.set_up(app, typed);
    if (row.place == Place::server || row.words == "run") words::server(app, typed);
    if (row.place == Place::here || row.place == Place::operators) {
      words::settings(app, typed, row.place);
    }
    if (!row.examples.empty()) {
      std::string lines = "  " + std::string(row.examples);
      for (std::size_t at = 0; (at = lines.find('\n', at)) != std::string::npos; at += 3)
        lines.insert(at + 1, "  ");
      app.footer("Example:\n" + lines);
    }
  }
}

const CommandRow& typed_command(const CLI::App& program) {
  std::string words;
  const CLI::App* app = &program;
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
    words += (words.empty() ? "" : " ") + app->get_name();
  }
  return *std::ranges::find(command_table(), words, &CommandRow::words);
}

}  // namespace mecapy::main
