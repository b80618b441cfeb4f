// run --remote, task run.
#include <filesystem>

#include "base/id.h"
#include "cli/ending.h"
#include "cli/inputs.h"
#include "cli/text.h"
#include "client/names.h"
#include "main/before_run.h"
#include "main/commands.h"
#include "main/complain.h"
#include "main/follow.h"
#include "main/outcome.h"
#include "wire/json.h"

namespace mecapy::main {
namespace {

namespace fs = std::filesystem;

// Code that the server found to be no calculation: the author's line, and the status that such a
// run has, wherever it is found.
int tell_invalid_code(const Error& error, const std::string& code, const std::string& file) {
  for (const FieldProblem& problem : error.problems) {
    std::fputs(cli::marked_line(code, file, problem).c_str(), stderr);
  }
  model::Failure failure{model::OutcomeCode::invalid_code, error.message};
  if (!error.problems.empty()) {
    failure.message = error.problems.front().detail;
    failure.line = error.problems.front().line;
  }
  std::fputs(cli::failure_text(failure, file).c_str(), stderr);
  return model::row(failure.code).exit_code;
}

// Begins a run by `call`, and follows it to its end when that is wanted.
awaitable<Result<int>> begin_and_follow(Remote& remote, client::Call call, RemoteRun how,
                                        EndWords words) {
  call.method = "POST";
  if (how.fresh) call.headers.emplace_back("Cache-Control", "no-cache");
  const auto response = co_await remote.api.call(std::move(call));
  if (!response) co_return response.error();
  const std::string* const accepted = &response->body;
  if (const auto warning = net::find_header(response->headers, "MecaPy-Warning")) {
    remote.err.write("mecapy: warning: " + cli::harmless_line(*warning) + "\n");
  }
  const std::string id = client::text_member(*accepted, "run_id");
  if (!base::is_uuid(id)) co_return fail(ErrorCode::unavailable, "the server named no run");
  if (how.wait == Wait::not_at_all) {
    if (remote.json()) {
      print_json(remote, *accepted);
    } else {
      remote.out.write(id + "\n");
    }
    co_return 0;
  }
  const auto followed = co_await follow(remote, {id, Interrupt::asks, LogTo::err});
  if (!followed) {
    remote.err.write("mecapy: the run may go on: mecapy result " + id + "\n");
    co_return followed.error();
  }
  if (*followed == Followed::until_interrupted) {
    remote.err.write("mecapy: left run " + id + "\n");
    co_return kInterrupted;
  }
  co_return co_await tell_end(remote, id, std::move(words));
}

// What is sent: the code with all that it needs.
Result<std::string> ad_hoc_body(const RunStart& start, const RemoteRun& how,
                                const std::string& code, const std::string& inputs) {
  auto limits = cli::limits_object(start.limits);
  if (!limits) return limits.error();
  wire::ObjectWriter body;
  body.text("code", code).raw("inputs", inputs);
  if (!start.limits.empty()) body.raw("limits", *limits);
  if (start.file != "-") body.text("name", fs::path(start.file).filename().string());
  if (how.seconds) body.number("estimated_duration_s", *how.seconds);
  return std::move(body).finish();
}

}  // namespace

int run_file_there(const config::Settings& settings, const RemoteWords& words,
                   const RunStart& start, const RemoteRun& how) {
  if (auto fine = check_standard_input(start.file, start.inputs); !fine)
    return complain(fine.error());
  if (auto fine = check_output(start.output); !fine) return complain(fine.error());
  const auto code = code_to_send(start.file);
  if (!code) return complain(code.error());
  const auto inputs = cli::read_inputs(start.inputs);
  if (!inputs) return complain(inputs.error());
  const auto body = ad_hoc_body(start, how, *code, *inputs);
  if (!body) return complain(body.error());
  warn_of_inputs(start.inputs);
  return at_server(settings, words, Subject::run, [&](Remote& remote) -> awaitable<Result<int>> {
    client::Call call;
    call.path = "/api/tasks/execute";
    call.body = *body;
    EndWords end{start.file, start.output};
    end.inputs = *inputs;
    auto done = co_await begin_and_follow(remote, std::move(call), how, std::move(end));
    if (!done && done.error().code == ErrorCode::invalid_code) {
      co_return tell_invalid_code(done.error(), *code, start.file);
    }
    co_return done;
  });
}

namespace {

// What one run of a task is given; nothing where that is left to the server.
struct TaskInputs {
  std::optional<std::string> json{};
  std::optional<int> version{};  // whose own inputs they go over
};

// The task's own inputs with those that were typed over them, of one version. Says on stderr which
// of them the task has not.
awaitable<Result<TaskInputs>> inputs_of(Remote& remote, std::string id, TaskRun start) {
  TaskInputs found{std::nullopt, start.version};
  if (start.inputs.empty() && !start.no_defaults) co_return found;
  std::string own = "{}";
  std::string name = start.task;
  if (!start.no_defaults) {
    client::Call call;
    call.path = client::task_path(id);
    if (start.version) call.query = {{"version", std::to_string(*start.version)}};
    const auto json = co_await remote.api.text(std::move(call));
    if (!json) co_return json.error();
    const auto task = client::read_task(*json);
    if (!task) co_return task.error();
    if (!task->inputs.empty()) own = task->inputs;
    found.version = task->version;
    name = task->name;
  }
  auto inputs = cli::read_inputs(start.inputs, own);
  if (!inputs) co_return inputs.error();
  for (const std::string& doubt : cli::doubts_about_names(*inputs, own, name))
    remote.err.write("mecapy: warning: " + cli::harmless_line(doubt, 1000) + "\n");
  found.json = std::move(*inputs);
  co_return found;
}

std::string execute_body(const TaskInputs& inputs, const RemoteRun& how) {
  wire::ObjectWriter body;
  if (inputs.json) body.raw("inputs", *inputs.json);
  if (inputs.version) body.integer("version", *inputs.version);
  if (how.seconds) body.number("estimated_duration_s", *how.seconds);
  return std::move(body).finish();
}

}  // namespace

int run_task(const config::Settings& settings, const RemoteWords& words, const TaskRun& start,
             const RemoteRun& how) {
  if (auto fine = check_output(start.output); !fine) return complain(fine.error());
  warn_of_inputs(start.inputs);
  return at_server(
      settings, words, {Subject::task, start.task}, [&](Remote& remote) -> awaitable<Result<int>> {
        const auto id = co_await client::find_task(remote.api, start.task, "mecapy task run");
        if (!id) co_return id.error();
        const auto inputs = co_await inputs_of(remote, *id, start);
        if (!inputs) co_return inputs.error();
        client::Call call;
        call.path = client::task_path(*id, "/execute");
        call.body = execute_body(*inputs, how);
        EndWords end{"calc.py", start.output};
        end.more_by = "mecapy task update " + start.task + " -l ";
        end.inputs = inputs->json;
        co_return co_await begin_and_follow(remote, std::move(call), how, std::move(end));
      });
}

}  // namespace mecapy::main
