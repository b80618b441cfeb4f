// workflow run, resume, runs, result, cancel.
#include <algorithm>
#include <charconv>
#include <map>

#include "base/id.h"
#include "cli/inputs.h"
#include "client/names.h"
#include "client/pages.h"
#include "main/before_run.h"
#include "main/commands.h"
#include "main/complain.h"
#include "main/outcome.h"
#include "main/workflow_end.h"
#include "main/workflow_follow.h"
#include "main/workflow_keep.h"
#include "wire/json.h"

namespace mecapy::main {
namespace {

std::string names_array(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back(wire::quote(name));
  return wire::array_of(quoted);
}

awaitable<Result<std::string>> get(client::Api& api, std::string path) {
  client::Call call;
  call.path = std::move(path);
  co_return co_await api.text(std::move(call));
}

awaitable<Result<client::WorkflowRunAnswer>> get_run(client::Api& api, std::string id) {
  const auto json = co_await get(api, client::workflow_run_path(id));
  if (!json) co_return json.error();
  co_return client::read_workflow_run(*json);
}

// Follows a run to its end, which is told.
awaitable<Result<int>> follow_to_end(Remote& remote, std::string id, Interrupt interrupt,
                                     EndsBefore before, WorkflowEndWords words) {
  const auto followed = co_await follow_workflow(remote, id, interrupt, std::move(before));
  if (!followed) {
    remote.err.write("mecapy: the workflow may go on: mecapy workflow result " + id + "\n");
    co_return followed.error();
  }
  if (*followed == Followed::until_interrupted) {
    remote.err.write("mecapy: left workflow run " + id + "\n");
    co_return kInterrupted;
  }
  co_return co_await tell_workflow_end(remote, id, std::move(words));
}

// Follows the run that a call began or took up (which the server has accepted with `accepted`),
// when that is wanted.
awaitable<Result<int>> go_on(Remote& remote, std::string accepted, Wait wait, EndsBefore before,
                             WorkflowEndWords words) {
  const std::string id = client::text_member(accepted, "workflow_run_id");
  if (!base::is_uuid(id)) co_return fail(ErrorCode::unavailable, "the server named no run");
  if (wait == Wait::for_the_end)
    co_return co_await follow_to_end(remote, id, Interrupt::asks, std::move(before),
                                     std::move(words));
  if (remote.json()) {
    print_json(remote, accepted);
  } else {
    remote.out.write(id + "\n");
  }
  co_return 0;
}

// What was typed of the workflow, for advice.
cli::WorkflowAsked asked_of(const std::string& word, const std::optional<cli::WorkflowFile>& file) {
  cli::WorkflowAsked asked{word};
  if (!file) return asked;
  for (const cli::TaskWord& task : file->tasks) {
    const auto path = task.is_file() ? cli::code_path(*file, task) : task.word;
    if (path) asked.tasks[task.node] = *path;
  }
  return asked;
}

// The workflow that is meant: that of a file, kept as `create` keeps it, or one that is there.
awaitable<Result<std::string>> workflow_of(Remote& remote,
                                           const std::optional<cli::WorkflowFile>& file,
                                           std::string word) {
  if (!file)
    co_return co_await client::find_workflow(remote.api, std::move(word), "mecapy workflow run");
  const auto kept = co_await keep_workflow(remote, *file, std::nullopt, std::nullopt);
  if (!kept) co_return kept.error();
  if (kept->done != KeptWorkflow::Done::nothing) tell_kept(remote, *kept);
  co_return kept->id;
}

// "NODE=N" or "NODE=latest".
struct VersionWord {
  std::string node;
  std::optional<int> version{};  // nothing: the latest
};

Result<std::vector<VersionWord>> read_versions(const std::vector<std::string>& words) {
  std::vector<VersionWord> read;
  for (const std::string& word : words) {
    const std::size_t equals = word.rfind('=');
    const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    VersionWord one{word.substr(0, equals)};
    int number = 0;
    const char* end = value.data() + value.size();
    const auto parsed = std::from_chars(value.data(), end, number);
    const bool is_number = parsed.ec == std::errc() && parsed.ptr == end && number > 0;
    if (one.node.empty() || (!is_number && value != "latest")) {
      return fail(ErrorCode::usage,
                  "write --version NODE=N or --version NODE=latest, not \"" + word + "\"");
    }
    if (is_number) one.version = number;
    if (std::ranges::find(read, one.node, &VersionWord::node) != read.end())
      return fail(ErrorCode::usage, "node " + one.node + " is given two versions");
    read.push_back(std::move(one));
  }
  return read;
}

// Of a version that the node has failed with already: it would do so again.
void warn_of_same_code(const Remote& remote, const client::NodeAnswer& node, int version) {
  if (node.status != "failed" || node.version != version) return;
  remote.err.write("mecapy: warning: node " + cli::harmless_line(node.name, 64) +
                   " has failed with version " + std::to_string(version) +
                   " of its task: the code is the same one\n");
}

// What a resumption says; asks for the latest versions that it wants.
awaitable<Result<std::string>> resume_body(Remote& remote, const client::WorkflowRunAnswer& run,
                                           std::vector<VersionWord> words,
                                           std::vector<std::string> force) {
  wire::ObjectWriter versions;
  for (const VersionWord& word : words) {
    int version = word.version.value_or(1);
    const auto node = std::ranges::find(run.nodes, word.node, &client::NodeAnswer::name);
    if (!word.version && node != run.nodes.end()) {
      if (!base::is_uuid(node->task_id))
        co_return fail(ErrorCode::unavailable, "the server names no task of node " + word.node);
      const auto json = co_await get(remote.api, client::task_path(node->task_id));
      if (!json) co_return json.error();
      version = client::integer_member(*json, "version");
    }
    if (node != run.nodes.end()) warn_of_same_code(remote, *node, version);
    versions.integer(word.node, version);  // of a node that is none the server says so
  }
  wire::ObjectWriter body;
  if (!words.empty()) body.raw("versions", std::move(versions).finish());
  if (!force.empty()) body.raw("force", names_array(force));
  co_return std::move(body).finish();
}

std::string table_of(const Remote& remote, const std::vector<client::WorkflowRunAnswer>& runs,
                     const std::map<std::string, std::string>& names) {
  const std::size_t shown = shown_of_ids(remote, runs);
  std::vector<std::vector<std::string>> rows = {
      {"WORKFLOW RUN", "WORKFLOW", "STATUS", "ASKED FOR", "TOOK"}};
  for (const client::WorkflowRunAnswer& run : runs) {
    const auto name = names.find(run.workflow_id);
    std::string status = run.status;
    if (run.failure) status += ": " + run.failure->code;
    rows.push_back({cli::harmless_line(run.id).substr(0, shown),
                    name == names.end() ? "(not kept)" : cli::harmless_line(name->second, 30),
                    remote.out.styled(cli::harmless_line(status, 40), style_of(run.status)),
                    ago(remote, run.queued_at), took(remote, run)});
  }
  return cli::table(rows);
}

awaitable<Result<int>> list_runs(Remote& remote, RunsWords which) {
  client::Query query;
  if (!which.task.empty()) {
    const auto id =
        co_await client::find_workflow(remote.api, which.task, "mecapy workflow runs --workflow");
    if (!id) co_return id.error();
    query.emplace_back("workflow_id", *id);
  }
  if (!which.status.empty()) query.emplace_back("status", which.status);
  const auto items =
      co_await client::list(remote.api, "/api/workflow-runs", std::move(query), which.most);
  if (!items) co_return items.error();
  if (remote.json()) {
    print_json(remote, wire::array_of(*items));
    co_return 0;
  }
  const auto runs = client::read_each(*items, client::read_workflow_run);
  if (!runs) co_return runs.error();
  if (runs->empty()) {
    remote.err.write("No workflow was run yet: mecapy workflow run WORKFLOW\n");
    co_return 0;
  }
  const auto workflows = co_await client::list(remote.api, "/api/workflows", {}, 0);
  if (!workflows) co_return workflows.error();
  std::map<std::string, std::string> names;
  for (const std::string& one : *workflows)
    names[client::text_member(one, "id")] = client::text_member(one, "name");
  remote.out.write(table_of(remote, *runs, names));
  co_return 0;
}

}  // namespace

int run_workflow(const config::Settings& settings, const RemoteWords& words,
                 const RunWorkflow& start, const RemoteRun& how) {
  const auto inputs = cli::read_inputs(start.inputs);
  if (!inputs) return complain(inputs.error());
  if (auto fine = check_output(start.output); !fine) return complain(fine.error());
  std::optional<cli::WorkflowFile> file;
  if (cli::is_workflow_file(start.workflow)) {
    auto read = cli::read_workflow_file(start.workflow);
    if (!read) return complain(read.error());
    file = std::move(*read);
  }
  warn_of_inputs(start.inputs);
  return at_server(settings, words, Subject::workflow,
                   [&](Remote& remote) -> awaitable<Result<int>> {
                     const auto id = co_await workflow_of(remote, file, start.workflow);
                     if (!id) co_return id.error();
                     wire::ObjectWriter body;
                     body.raw("inputs", *inputs);
                     if (start.version) body.integer("version", *start.version);
                     if (!start.force.empty()) body.raw("force", names_array(start.force));
                     client::Call call{"POST", client::workflow_path(*id, "/execute")};
                     call.body = std::move(body).finish();
                     if (how.fresh) call.headers.emplace_back("Cache-Control", "no-cache");
                     auto accepted = co_await remote.api.text(std::move(call));
                     if (!accepted && start.version)
                       co_return co_await client::about_version(remote.api, *id, *start.version,
                                                                accepted.error());
                     if (!accepted) co_return accepted.error();
                     co_return co_await go_on(remote, std::move(*accepted), how.wait, {},
                                              {asked_of(start.workflow, file), start.output});
                   });
}

int resume_workflow(const config::Settings& settings, const RemoteWords& words,
                    const ResumeWorkflow& which, const RemoteRun& how) {
  const auto versions = read_versions(which.versions);
  if (!versions) return complain(versions.error());
  if (auto fine = check_output(which.output); !fine) return complain(fine.error());
  return at_server(settings, words, Subject::workflow_run,
                   [&](Remote& remote) -> awaitable<Result<int>> {
                     const auto id = co_await client::find_workflow_run(remote.api, which.run);
                     if (!id) co_return id.error();
                     const auto before = co_await get_run(remote.api, *id);
                     if (!before) co_return before.error();
                     auto body = co_await resume_body(remote, *before, *versions, which.force);
                     if (!body) co_return body.error();
                     client::Call call{"POST", client::workflow_run_path(*id, "/resume")};
                     call.body = std::move(*body);
                     auto accepted = co_await remote.api.text(std::move(call));
                     if (!accepted) co_return accepted.error();
                     co_return co_await go_on(remote, std::move(*accepted), how.wait,
                                              ends_of(*before), {{}, which.output});
                   });
}

int show_workflow_runs(const config::Settings& settings, const RemoteWords& words,
                       const RunsWords& which) {
  return at_server(settings, words, Subject::workflow_run,
                   [&](Remote& remote) { return list_runs(remote, which); });
}

int show_workflow_result(const config::Settings& settings, const RemoteWords& words,
                         const ResultWords& which) {
  if (auto fine = check_output(which.output); !fine) return complain(fine.error());
  return at_server(
      settings, words, Subject::workflow_run, [&](Remote& remote) -> awaitable<Result<int>> {
        const auto id = co_await client::find_workflow_run(remote.api, which.run);
        if (!id) co_return id.error();
        WorkflowEndWords end{{}, which.output};
        if (!which.timeout_s)
          co_return co_await follow_to_end(remote, *id, Interrupt::leaves, {}, std::move(end));
        const auto ended =
            co_await wait_for_end(remote.api, client::workflow_run_path(*id), which.timeout_s);
        if (!ended) co_return ended.error();
        if (!*ended) {
          co_return fail(ErrorCode::deadline_exceeded,
                         "the workflow has not ended yet; mecapy workflow show " + *id +
                             " tells how far it is");
        }
        co_return co_await tell_workflow_end(remote, *id, std::move(end));
      });
}

int cancel_workflow_run(const config::Settings& settings, const RemoteWords& words,
                        const std::string& run) {
  return at_server(
      settings, words, Subject::workflow_run, [&](Remote& remote) -> awaitable<Result<int>> {
        const auto id = co_await client::find_workflow_run(remote.api, run);
        if (!id) co_return id.error();
        const auto json = co_await cancel_and_wait(remote.api, client::workflow_run_path(*id));
        if (!json) co_return json.error();
        const auto after = client::read_workflow_run(*json);
        if (!after) co_return after.error();
        if (remote.json()) print_json(remote, *json);
        if (after->was_cancelled() && !remote.json())
          remote.err.write("mecapy: the workflow is cancelled\n");
        if (after->was_cancelled()) co_return 0;
        if (after->has_ended()) {
          co_return fail(ErrorCode::conflict,
                         "the workflow had ended before: " + cli::harmless_line(after->status));
        }
        remote.err.write("mecapy: the workflow is told to stop, and has not stopped yet\n");
        co_return 0;
      });
}

}  // namespace mecapy::main
