// runs, result, logs, cancel, download.
#include <algorithm>
#include <map>

#include "base/whole.h"
#include "cli/ending.h"
#include "cli/text.h"
#include "client/names.h"
#include "client/pages.h"
#include "cost/words.h"
#include "main/commands.h"
#include "main/follow.h"
#include "main/outcome.h"
#include "wire/json.h"

namespace mecapy::main {
namespace {

std::string status_of(const Remote& remote, const client::RunAnswer& run) {
  std::string text = run.status;
  if (run.status == "failed" && !run.code.empty()) text += ": " + run.code;
  return remote.out.styled(cli::harmless_line(text, 40), style_of(run.status));
}

double seconds_of(std::int64_t us) { return static_cast<double>(us) / 1e6; }

// From its start to its end, or until now.
std::string took(const Remote& remote, const client::RunAnswer& run) {
  const auto begun = cli::parse_time(run.started_at);
  const auto ended = cli::parse_time(run.finished_at);
  if (run.usage && run.usage->wall_us > 0) return cli::duration(seconds_of(run.usage->wall_us));
  if (!begun || !run.cached_from.empty()) return "-";
  const double seconds = ended.value_or(remote.now()) - *begun;
  return run.has_ended() ? cli::duration(std::max(0., seconds)) : cli::elapsed(seconds);
}

// The names of all tasks that are kept, by id. Those of runs without one, and of tasks that were
// deleted, are not among them.
awaitable<Result<std::map<std::string, std::string>>> task_names(client::Api& api) {
  const auto items = co_await client::list(api, "/api/tasks", {}, 0);
  if (!items) co_return items.error();
  const auto tasks = client::read_each(*items, client::read_task);
  if (!tasks) co_return tasks.error();
  std::map<std::string, std::string> names;
  for (const client::TaskAnswer& task : *tasks) names[task.id] = task.name;
  co_return names;
}

// Which runs of the caller are meant.
awaitable<Result<client::Query>> query_of(client::Api& api, RunsWords which) {
  client::Query query;
  if (!which.task.empty()) {
    const auto task = co_await client::find_task(api, which.task, "mecapy runs --task");
    if (!task) co_return task.error();
    query.emplace_back("task_id", *task);
  }
  if (!which.status.empty()) query.emplace_back("status", which.status);
  std::string workflow_run = "none";
  if (!which.workflow_run.empty()) {
    auto found = co_await client::find_workflow_run(api, which.workflow_run);
    if (!found) co_return found.error();
    workflow_run = std::move(*found);
  }
  query.emplace_back("workflow_run_id", std::move(workflow_run));
  co_return query;
}

std::string table_of(const Remote& remote, const std::vector<client::RunAnswer>& runs,
                     const std::map<std::string, std::string>& tasks) {
  const std::size_t shown = shown_of_ids(remote, runs);
  std::vector<std::vector<std::string>> rows = {
      {"RUN", "TASK", "STATUS", "ASKED FOR", "TOOK", "FILES"}};
  for (const client::RunAnswer& run : runs) {
    const auto task = tasks.find(run.task_id);
    rows.push_back({cli::harmless_line(run.id).substr(0, shown),
                    task == tasks.end() ? "(not kept)" : cli::harmless_line(task->second, 30),
                    status_of(remote, run), ago(remote, run.queued_at), took(remote, run),
                    run.artifact_count == 0 ? "" : std::to_string(run.artifact_count)});
  }
  return cli::table(rows);
}

awaitable<Result<int>> list_runs(Remote& remote, RunsWords which) {
  auto query = co_await query_of(remote.api, which);
  if (!query) co_return query.error();
  const auto items = co_await client::list(remote.api, "/api/runs", std::move(*query), which.most);
  if (!items) co_return items.error();
  if (remote.json()) {
    print_json(remote, wire::array_of(*items));
    co_return 0;
  }
  const auto runs = client::read_each(*items, client::read_run);
  if (!runs) co_return runs.error();
  if (runs->empty()) {
    remote.err.write(
        "No run is there: mecapy run FILE --remote, or mecapy task run TASK; those of workflows: "
        "mecapy workflow runs\n");
    co_return 0;
  }
  const auto tasks = co_await task_names(remote.api);
  if (!tasks) co_return tasks.error();
  remote.out.write(table_of(remote, *runs, *tasks));
  co_return 0;
}

using Rows = std::vector<std::vector<std::string>>;

// A row of what is set.
void add_to(Rows& rows, const char* name, const std::string& value) {
  if (!value.empty()) rows.push_back({name, cli::harmless_line(value, 1000)});
}

// Where it goes, why it is not there yet, and what it has behind it.
void add_way(Rows& rows, const Remote& remote, const client::RunAnswer& run) {
  add_to(rows, "waiting", run.waiting);
  add_to(rows, "backend", run.backend);
  add_to(rows, "moved from", run.moved_from);
  add_to(rows, "workflow run", run.workflow_run_id);
  if (const auto& expected = run.expected) {
    add_to(rows, "expected",
           cli::duration(std::max(0., expected->seconds)) + ", " +
               cli::estimate_source(expected->source, expected->samples));
  }
  if (const auto& saved = run.checkpoint) {
    add_to(rows, "checkpoint",
           cli::size(saved->size) + ", saved " + ago(remote, saved->saved_at) + " by attempt " +
               std::to_string(saved->attempt));
  }
  if (run.resumed_from > 0) {
    add_to(rows, "taken up from", "the checkpoint of attempt " + std::to_string(run.resumed_from));
  }
}

void print_run(const Remote& remote, const client::RunAnswer& run) {
  Rows rows;
  const auto add = [&](const char* name, const std::string& value) { add_to(rows, name, value); };
  add("run", run.id);
  add("task", run.task_id + ", version " + std::to_string(run.version));
  rows.push_back({"status", status_of(remote, run)});
  const client::Progress progress = client::read_progress(run.progress);
  if (progress.fraction) add("progress", cli::bar(*progress.fraction) + " " + progress.message);
  if (!progress.fraction) add("progress", progress.message);
  if (run.cancel_requested && !run.has_ended()) add("cancel", "asked for");
  add_way(rows, remote, run);
  add("asked for", ago(remote, run.queued_at));
  add("took", took(remote, run));
  // 0 is what nobody measured.
  if (run.usage && run.usage->cpu_us > 0) {
    add("cpu", cli::duration(seconds_of(run.usage->cpu_us)));
  }
  if (run.usage && run.usage->peak_memory_bytes > 0) {
    add("memory", cli::size(run.usage->peak_memory_bytes) + " at most");
  }
  if (run.cost_eur) {
    const std::string open = run.cost_open.empty() ? "" : ", and not all of it: " + run.cost_open;
    add("cost", cost::euros(*run.cost_eur) + " EUR" + open);
  }
  if (run.attempt > 1) add("attempt", std::to_string(run.attempt));
  add("answered from", run.cached_from);
  for (const client::Artifact& artifact : run.artifacts)
    add("file", artifact.name + ", " + cli::size(artifact.size));
  remote.out.write(cli::table(rows));
  if (run.failure) remote.out.write("\n" + cli::failure_text(*run.failure, "calc.py"));
}

awaitable<Result<std::string>> get_run(Remote& remote, std::string word, std::string part = "") {
  const auto id = co_await client::find_run(remote.api, std::move(word));
  if (!id) co_return id.error();
  client::Call call;
  call.path = client::run_path(*id, part);
  if (part == "/logs") call.expects = client::Expects::text;
  co_return co_await remote.api.text(std::move(call));
}

awaitable<Result<int>> show_run(Remote& remote, std::string word) {
  const auto json = co_await get_run(remote, std::move(word));
  if (!json) co_return json.error();
  const auto run = client::read_run(*json);
  if (!run) co_return run.error();
  if (remote.json()) {
    print_json(remote, *json);
    co_return 0;
  }
  print_run(remote, *run);
  co_return 0;
}

}  // namespace

int show_runs(const config::Settings& settings, const RemoteWords& words, const RunsWords& which) {
  return at_server(settings, words, Subject::run, [&](Remote& remote) {
    return which.run.empty() ? list_runs(remote, which) : show_run(remote, which.run);
  });
}

int show_result(const config::Settings& settings, const RemoteWords& words,
                const ResultWords& which) {
  return at_server(settings, words, Subject::run, [&](Remote& remote) -> awaitable<Result<int>> {
    const auto id = co_await client::find_run(remote.api, which.run);
    if (!id) co_return id.error();
    // On a terminal the wait is one to look at.
    if (remote.err.is_terminal() && !which.timeout_s) {
      const auto followed = co_await follow(remote, {*id, Interrupt::leaves, LogTo::nowhere});
      if (!followed) co_return followed.error();
      if (*followed == Followed::until_interrupted) co_return kInterrupted;
    } else {
      const auto ended = co_await wait_for_end(remote.api, client::run_path(*id), which.timeout_s);
      if (!ended) co_return ended.error();
      if (!*ended) {
        co_return fail(ErrorCode::deadline_exceeded,
                       "the run has not ended yet; mecapy logs -f " + *id + " follows it");
      }
    }
    co_return co_await tell_end(remote, *id, {"calc.py", which.output});
  });
}

int show_log(const config::Settings& settings, const RemoteWords& words, const std::string& run,
             bool follow_it) {
  return at_server(settings, words, Subject::run, [&](Remote& remote) -> awaitable<Result<int>> {
    const auto id = co_await client::find_run(remote.api, run);
    if (!id) co_return id.error();
    if (!follow_it) {
      const auto log = co_await get_run(remote, *id, "/logs");
      if (!log) co_return log.error();
      if (remote.json()) {
        print_json(remote,
                   std::move(wire::ObjectWriter().text("run_id", *id).text("log", *log)).finish());
      } else {
        remote.out.write(remote.out.is_terminal() ? cli::harmless(*log) : *log);
      }
      co_return 0;
    }
    const LogTo log = remote.json() ? LogTo::out_as_json : LogTo::out;
    const auto followed = co_await follow(remote, {*id, Interrupt::leaves, log});
    if (!followed) co_return followed.error();
    co_return *followed == Followed::to_the_end ? 0 : kInterrupted;
  });
}

int cancel_run(const config::Settings& settings, const RemoteWords& words, const std::string& run) {
  return at_server(settings, words, Subject::run, [&](Remote& remote) -> awaitable<Result<int>> {
    const auto id = co_await client::find_run(remote.api, run);
    if (!id) co_return id.error();
    const auto json = co_await cancel_and_wait(remote.api, client::run_path(*id));
    if (!json) co_return json.error();
    const auto after = client::read_run(*json);
    if (!after) co_return after.error();
    if (remote.json()) print_json(remote, *json);
    if (after->was_cancelled() && !remote.json())
      remote.err.write("mecapy: the run is cancelled\n");
    if (after->was_cancelled()) co_return 0;
    if (after->has_ended()) {
      co_return fail(ErrorCode::conflict,
                     "the run had ended before: " + cli::harmless_line(after->status));
    }
    remote.err.write("mecapy: the run is told to stop, and has not stopped yet\n");
    co_return 0;
  });
}

namespace {

// Those artifacts that are named; all, when none is.
Result<std::vector<client::Artifact>> choose(const client::RunAnswer& run,
                                             const std::vector<std::string>& names) {
  if (names.empty()) return run.artifacts;
  std::vector<client::Artifact> chosen;
  for (const std::string& name : names) {
    const auto it = std::ranges::find(run.artifacts, name, &client::Artifact::name);
    if (it == run.artifacts.end()) {
      std::string there;
      for (const client::Artifact& one : run.artifacts) there += " " + one.name;
      return fail(ErrorCode::not_found, "the run has no file \"" + name + "\"; it has" +
                                            (there.empty() ? " none" : there));
    }
    chosen.push_back(*it);
  }
  return chosen;
}

std::string kept_json(const std::vector<client::Artifact>& artifacts, const std::string& folder) {
  std::vector<std::string> items;
  for (const client::Artifact& one : artifacts) {
    items.push_back(std::move(wire::ObjectWriter()
                                  .text("name", one.name)
                                  .text("path", folder + "/" + one.name)
                                  .integer("size", one.size)
                                  .text("sha256", one.sha256))
                        .finish());
  }
  return wire::array_of(items);
}

}  // namespace

int download(const config::Settings& settings, const RemoteWords& words,
             const DownloadWords& which) {
  return at_server(settings, words, Subject::run, [&](Remote& remote) -> awaitable<Result<int>> {
    const auto json = co_await get_run(remote, which.run);
    if (!json) co_return json.error();
    const auto run = client::read_run(*json);
    if (!run) co_return run.error();
    if (!run->has_ended()) {
      co_return fail(ErrorCode::conflict, "the run has not ended, and has no files yet");
    }
    const auto chosen = choose(*run, which.names);
    if (!chosen) {
      co_return complain_with_advice(chosen.error(), Subject::file, remote.target.url);
    }
    if (chosen->empty()) remote.err.write("mecapy: the run has left no files\n");
    const int status = co_await keep_artifacts(remote, *run, *chosen, which.output, which.replace);
    if (status == 0 && remote.json()) print_json(remote, kept_json(*chosen, which.output));
    co_return status;
  });
}

}  // namespace mecapy::main
