// task create, list, show, update, delete.
#include <cstdio>
#include <filesystem>

#include "base/listed.h"
#include "cli/ending.h"
#include "cli/inputs.h"
#include "cli/text.h"
#include "client/answers.h"
#include "client/names.h"
#include "client/pages.h"
#include "main/before_run.h"
#include "main/commands.h"
#include "main/complain.h"
#include "wire/json.h"

namespace mecapy::main {
namespace {

// What a request that makes or changes a task says. `name` is given when none was typed.
Result<std::string> body_of(const TaskWords& task, const std::optional<std::string>& code,
                            const std::string& name) {
  wire::ObjectWriter body;
  if (task.name || !name.empty()) body.text("name", task.name.value_or(name));
  if (code) body.text("code", *code);
  if (!task.inputs.empty()) {
    const auto inputs = cli::read_inputs(task.inputs);
    if (!inputs) return inputs.error();
    body.raw("inputs", *inputs);
  }
  if (!task.limits.empty()) {
    const auto limits = cli::limits_object(task.limits);
    if (!limits) return limits.error();
    body.raw("limits", *limits);
  }
  if (task.description) body.text("description", *task.description);
  if (!task.tags.empty()) {
    std::vector<std::string> tags;
    for (const std::string& tag : task.tags) tags.push_back(wire::quote(tag));
    body.raw("tags", wire::array_of(tags));
  }
  if (task.cache_s && *task.cache_s == 0) body.raw("cache", "null");
  if (task.cache_s && *task.cache_s != 0) {
    body.raw("cache", std::move(wire::ObjectWriter().number("ttl", *task.cache_s)).finish());
  }
  if (task.estimate_s) body.number("estimated_duration_s", *task.estimate_s);
  return std::move(body).finish();
}

// The task that an answer holds, in a line, or as JSON.
Result<int> tell_task(const Remote& remote, const std::string& json, const char* done) {
  const auto task = client::read_task(json);
  if (!task) return task.error();
  if (remote.json()) {
    print_json(remote, json);
    return 0;
  }
  remote.err.write("mecapy: " + std::string(done) + " task " + cli::harmless_line(task->name) +
                   ", version " + std::to_string(task->version) + "; mecapy task run " +
                   cli::harmless_line(task->id) + "\n");
  remote.out.write(cli::harmless_line(task->id) + "\n");
  return 0;
}

// Sends what makes or changes a task; an error of the code shows the author's line.
awaitable<Result<int>> send_task(Remote& remote, client::Call call, const std::string& code,
                                 const std::string& file, const char* done) {
  const auto answer = co_await remote.api.text(std::move(call));
  if (answer) co_return tell_task(remote, *answer, done);
  if (answer.error().code == ErrorCode::invalid_code) {
    for (const FieldProblem& problem : answer.error().problems) {
      std::fputs(cli::marked_line(code, file, problem).c_str(), stderr);
    }
  }
  co_return answer.error();
}

void print_task(const Remote& remote, const client::TaskAnswer& task) {
  std::vector<std::vector<std::string>> rows;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) rows.push_back({name, cli::harmless_line(value, 1000)});
  };
  add("task", task.id);
  add("name", task.name);
  add("description", task.description);
  add("tags", base::listed(task.tags));
  add("version", std::to_string(task.version) + ", " + ago(remote, task.updated_at));
  std::vector<std::string> limits;
  for (const auto& [name, value] : task.limits) {
    if (name != "cpu_s" || value != "0") limits.push_back(name + "=" + value);  // 0: by the others
  }
  add("limits", base::listed(limits));
  if (task.cache_ttl_s) add("cache", cli::duration(*task.cache_ttl_s));
  add("inputs", task.inputs);
  remote.out.write(cli::table(rows) + "\n" + cli::harmless(task.code) +
                   (task.code.ends_with('\n') ? "" : "\n"));
}

std::string table_of(const Remote& remote, const std::vector<client::TaskAnswer>& tasks) {
  const std::size_t shown = shown_of_ids(remote, tasks);
  std::vector<std::vector<std::string>> rows = {{"TASK", "NAME", "VERSION", "CHANGED", "TAGS"}};
  for (const client::TaskAnswer& task : tasks) {
    rows.push_back({cli::harmless_line(task.id).substr(0, shown), cli::harmless_line(task.name, 40),
                    std::to_string(task.version), ago(remote, task.updated_at),
                    cli::harmless_line(base::listed(task.tags), 40)});
  }
  return cli::table(rows);
}

// Calls something of one task that is named by a word.
awaitable<Result<std::string>> call_task(Remote& remote, std::string word, std::string command,
                                         client::Call call) {
  const auto id = co_await client::find_task(remote.api, std::move(word), std::move(command));
  if (!id) co_return id.error();
  call.path = client::task_path(*id);
  co_return co_await remote.api.text(std::move(call));
}

}  // namespace

int create_task(const config::Settings& settings, const RemoteWords& words, const TaskWords& task) {
  if (auto fine = check_standard_input(task.file, task.inputs); !fine)
    return complain(fine.error());
  const auto code = code_to_send(task.file);
  if (!code) return complain(code.error());
  if (task.file == "-" && !task.name) {
    return complain(fail(ErrorCode::usage, "code from standard input needs a --name"));
  }
  const std::string stem = std::filesystem::path(task.file).stem().string();
  const auto body = body_of(task, *code, stem);
  if (!body) return complain(body.error());
  const std::string name = task.name.value_or(stem);
  return at_server(settings, words, Subject::task, [&](Remote& remote) -> awaitable<Result<int>> {
    const auto twice = co_await client::has_task_named(remote.api, name);
    if (!twice) co_return twice.error();
    if (*twice) {
      const std::string shown = cli::harmless_line(name);
      remote.err.write("mecapy: warning: you have another task " + shown + "; mecapy task update " +
                       shown + " FILE changes that one\n");
    }
    client::Call call{"POST", "/api/tasks", {}, *body};
    co_return co_await send_task(remote, std::move(call), *code, task.file, "kept");
  });
}

int list_tasks(const config::Settings& settings, const RemoteWords& words, std::int64_t most) {
  return at_server(settings, words, Subject::task, [&](Remote& remote) -> awaitable<Result<int>> {
    const auto items = co_await client::list(remote.api, "/api/tasks", {}, most);
    if (!items) co_return items.error();
    if (remote.json()) {
      print_json(remote, wire::array_of(*items));
      co_return 0;
    }
    const auto tasks = client::read_each(*items, client::read_task);
    if (!tasks) co_return tasks.error();
    if (tasks->empty()) {
      remote.err.write("No task is kept yet: mecapy task create FILE\n");
    } else {
      remote.out.write(table_of(remote, *tasks));
    }
    co_return 0;
  });
}

int show_task(const config::Settings& settings, const RemoteWords& words, const TaskWords& task) {
  return at_server(
      settings, words, {Subject::task, task.task}, [&](Remote& remote) -> awaitable<Result<int>> {
        client::Call call;
        if (task.version) call.query = {{"version", std::to_string(*task.version)}};
        const auto json =
            co_await call_task(remote, task.task, "mecapy task show", std::move(call));
        if (!json) co_return json.error();
        const auto found = client::read_task(*json);
        if (!found) co_return found.error();
        if (remote.json()) {
          print_json(remote, *json);
          co_return 0;
        }
        if (!task.code_only) {
          print_task(remote, *found);
        } else {
          remote.out.write(remote.out.is_terminal() ? cli::harmless(found->code) : found->code);
        }
        co_return 0;
      });
}

int update_task(const config::Settings& settings, const RemoteWords& words, const TaskWords& task) {
  if (auto fine = check_standard_input(task.file, task.inputs); !fine)
    return complain(fine.error());
  std::optional<std::string> code;
  if (!task.file.empty()) {
    auto read = code_to_send(task.file);
    if (!read) return complain(read.error());
    code = std::move(*read);
  }
  const auto body = body_of(task, code, "");
  if (!body) return complain(body.error());
  if (*body == "{}") {
    return complain(fail(ErrorCode::usage, "say what to change; mecapy task update --help"));
  }
  return at_server(
      settings, words, {Subject::task, task.task}, [&](Remote& remote) -> awaitable<Result<int>> {
        const auto id = co_await client::find_task(remote.api, task.task, "mecapy task update");
        if (!id) co_return id.error();
        client::Call call{"PATCH", client::task_path(*id), {}, *body};
        co_return co_await send_task(remote, std::move(call), code.value_or(""), task.file,
                                     "changed");
      });
}

int delete_task(const config::Settings& settings, const RemoteWords& words, const TaskWords& task) {
  return at_server(
      settings, words, {Subject::task, task.task}, [&](Remote& remote) -> awaitable<Result<int>> {
        client::Call call;
        call.method = "DELETE";
        call.expects = client::Expects::nothing;
        const auto gone =
            co_await call_task(remote, task.task, "mecapy task delete", std::move(call));
        if (!gone) co_return gone.error();
        remote.err.write("mecapy: the task is gone; its runs stay\n");
        co_return 0;
      });
}

}  // namespace mecapy::main
