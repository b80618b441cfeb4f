// The commands of the program. Each returns the exit status.
#pragma once

#include <sys/types.h>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "config/settings.h"
#include "main/remote.h"
#include "sandbox/sandbox.h"

namespace mecapy::main {

// `mecapy serve`: the launcher. Starts the API process and the worker, restarts the worker when it
// dies or hangs, ends both when told to. Stays root when started as root, to start workers.
int serve(const config::Settings& settings);

// The API process: store, queue, dispatcher and HTTP. `documents` is the folder of their site, or
// none; `home` the channel by which workers on this machine are started (home_workers.h). Says
// "PORT\n" on `pulse` when it answers, then keeps its pulse (pulse.h). Drains on SIGTERM.
int run_api(const config::Settings& settings, base::Fd documents, base::Fd home, base::Fd pulse);

struct WorkerStart {
  std::string socket;       // Unix socket to listen on; "" listens on TCP
  int port = 8080;          // TCP
  int pulse_fd = -1;        // gets "ready\n", then the pulse (pulse.h); -1: no launcher listens
  uid_t run_as = 0;         // user of the front when started as root
  std::string home;         // https://...: takes one run from there and ends; "" listens
  std::string token_file;   // of the run
  bool quiet_stop = false;  // who made its machine tells home why it was ended
};
// `mecapy worker`.
int worker(const config::Settings& settings, const WorkerStart& start);
// The same, with a home.
int visit_home(const config::Settings& settings, const WorkerStart& start,
               std::unique_ptr<sandbox::Sandbox> sandbox);

// What both ways of running are told.
struct RunStart {
  std::string file;                 // "-": standard input
  std::vector<std::string> inputs;  // k=v, k=@file.json, @file.json or @-
  std::vector<std::string> limits;  // name=value
  std::string output;               // folder for artifacts; "" keeps none
  Format format = Format::people;
  std::string config_file{};  // of the settings; "" when none was named
};
// `mecapy run`: here.
int run_file(const config::Settings& settings, const RunStart& start);

// Whether a command waits for the end of the run that it begins.
enum class Wait : std::uint8_t { for_the_end, not_at_all };
struct RemoteRun {
  Wait wait = Wait::for_the_end;
  bool fresh = false;               // not answered from an earlier run
  std::optional<double> seconds{};  // that it takes
};
// `mecapy run --remote`: at a server.
int run_file_there(const config::Settings& settings, const RemoteWords& words,
                   const RunStart& start, const RemoteRun& how);
// `mecapy task run`.
struct TaskRun {
  std::string task;
  std::optional<int> version{};
  std::vector<std::string> inputs;  // over the task's own
  bool no_defaults = false;         // without the task's own
  std::string output;
};
int run_task(const config::Settings& settings, const RemoteWords& words, const TaskRun& start,
             const RemoteRun& how);

// How many of a list are shown when nobody says.
inline constexpr std::int64_t kListed = 20;

// `mecapy task create|list|show|update|delete`. What is not said stays as it is, or usual.
struct TaskWords {
  std::string task{};  // of all but create
  std::string file{};
  std::optional<std::string> name{};
  std::optional<std::string> description{};
  std::vector<std::string> tags{};
  std::vector<std::string> inputs{};
  std::vector<std::string> limits{};
  std::optional<double> cache_s{};  // 0: no longer
  std::optional<double> estimate_s{};
  std::optional<int> version{};
  bool code_only = false;
};
int create_task(const config::Settings& settings, const RemoteWords& words, const TaskWords& task);
int list_tasks(const config::Settings& settings, const RemoteWords& words, std::int64_t most);
int show_task(const config::Settings& settings, const RemoteWords& words, const TaskWords& task);
int update_task(const config::Settings& settings, const RemoteWords& words, const TaskWords& task);
int delete_task(const config::Settings& settings, const RemoteWords& words, const TaskWords& task);

// `mecapy runs`, `result`, `logs`, `cancel`, `download`.
struct RunsWords {
  std::string run{};           // "": a list
  std::string task{};          // only of this task
  std::string status{};        // only with this status
  std::string workflow_run{};  // only of its nodes; "": only of none
  std::int64_t most = kListed;
};
int show_runs(const config::Settings& settings, const RemoteWords& words, const RunsWords& which);
struct ResultWords {
  std::string run{};
  std::string output{};
  std::optional<double> timeout_s{};  // nothing: for ever
};
int show_result(const config::Settings& settings, const RemoteWords& words,
                const ResultWords& which);
int show_log(const config::Settings& settings, const RemoteWords& words, const std::string& run,
             bool follow);
int cancel_run(const config::Settings& settings, const RemoteWords& words, const std::string& run);
struct DownloadWords {
  std::string run{};
  std::vector<std::string> names{};  // none: all
  std::string output = ".";
  bool replace = false;
};
int download(const config::Settings& settings, const RemoteWords& words,
             const DownloadWords& which);

// `mecapy workflow create|check|list|show|delete`.
struct WorkflowWords {
  std::string file{};
  std::optional<std::string> name{};
  std::optional<std::string> description{};
};
int create_workflow(const config::Settings& settings, const RemoteWords& words,
                    const WorkflowWords& workflow);
int check_workflow(const config::Settings& settings, const RemoteWords& words,
                   const WorkflowWords& workflow);
int list_workflows(const config::Settings& settings, const RemoteWords& words, std::int64_t most);
struct ShowWorkflow {
  std::string workflow{};  // or a run of one, or a file
  std::optional<int> version{};
  std::optional<std::string> svg{};  // a file; "": standard output
  bool mermaid = false;
  bool replace = false;               // also a file that is there and differs
  std::optional<std::string> node{};  // of a run: its elements
  std::int64_t most = kListed;        // of those
};
int show_workflow(const config::Settings& settings, const RemoteWords& words,
                  const ShowWorkflow& how);
int delete_workflow(const config::Settings& settings, const RemoteWords& words,
                    const std::string& workflow);

// `mecapy workflow run|resume|runs|result|cancel`.
struct RunWorkflow {
  std::string workflow{};  // or a file
  std::vector<std::string> inputs{};
  std::optional<int> version{};
  std::vector<std::string> force{};  // nodes
  std::string output{};              // folder for files of its nodes; "" keeps none
};
int run_workflow(const config::Settings& settings, const RemoteWords& words,
                 const RunWorkflow& start, const RemoteRun& how);
struct ResumeWorkflow {
  std::string run{};
  std::vector<std::string> versions{};  // NODE=N or NODE=latest
  std::vector<std::string> force{};     // nodes
  std::string output{};
};
int resume_workflow(const config::Settings& settings, const RemoteWords& words,
                    const ResumeWorkflow& which, const RemoteRun& how);
// RunsWords::task is the workflow.
int show_workflow_runs(const config::Settings& settings, const RemoteWords& words,
                       const RunsWords& which);
int show_workflow_result(const config::Settings& settings, const RemoteWords& words,
                         const ResultWords& which);
int cancel_workflow_run(const config::Settings& settings, const RemoteWords& words,
                        const std::string& run);

// `mecapy cost`.
struct CostWords {
  double runs_per_day = 1000;
  double seconds = 30;
  std::string memory = "2GB";
  double cpus = 1;
  Format format = Format::people;
};
int show_cost(const config::Settings& settings, const CostWords& words);

// `mecapy costs`, `mecapy task estimate`.
struct CostsWords {
  std::string by = "day";
  std::string from{};  // "2026-11-01"; "": as the server has it
  std::string to{};
  std::string user{};
};
int show_costs(const config::Settings& settings, const RemoteWords& words, const CostsWords& which);
// `mecapy machines`.
struct MachinesWords {
  std::string forget{};  // a placer; "": machines are shown
};
int show_machines(const config::Settings& settings, const RemoteWords& words,
                  const MachinesWords& which);
struct EstimateWords {
  std::string task{};
  std::vector<std::string> inputs{};
  std::vector<std::string> limits{};
  std::optional<int> version{};
  std::optional<double> seconds{};  // that it takes
};
int estimate_task(const config::Settings& settings, const RemoteWords& words,
                  const EstimateWords& which);

// `mecapy login`, `logout`, `whoami`.
enum class TokenFrom : std::uint8_t { whatever_is_asked, terminal, standard_input };
struct LoginStart {
  std::string url{};  // "": MECAPY_URL, the saved login's, the local one
  TokenFrom from = TokenFrom::whatever_is_asked;
};
int login(const config::Settings& settings, const LoginStart& start);
int logout();
int who_am_i(const config::Settings& settings, const RemoteWords& words);

// `mecapy doctor`, `mecapy config`, `mecapy token`.
int doctor(const config::Settings& settings);
enum class ConfigFormat : std::uint8_t { table, all, json };  // `all`: with defaults and meanings
int show_config(const config::Loaded& loaded, ConfigFormat format);
int add_token(const config::Settings& settings, const std::string& user);

// `mecapy contract`: routes, outcomes, errors and limits of this program, as JSON on stdout.
int show_contract();

// `mecapy health`: asks the server at `url` how it is (of one without a path, /health/ready),
// prints what it says, and on stderr which parts are away. 0 when that is a 2xx within three
// seconds; else the status of unavailable or deadline_exceeded, of usage for no URL of ours.
int health(const std::string& url);

}  // namespace mecapy::main
