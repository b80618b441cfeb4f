#include "main/workflow_tasks.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <vector>

#include "base/id.h"
#include "cli/ending.h"
#include "client/answers.h"
#include "client/names.h"
#include "client/pages.h"
#include "main/before_run.h"
#include "wire/json.h"

namespace mecapy::main {
namespace {

namespace fs = std::filesystem;

using Tasks = std::vector<client::TaskAnswer>;

awaitable<Result<Tasks>> all_tasks(client::Api& api) {
  const auto items = co_await client::list(api, "/api/tasks", {}, 0);
  if (!items) co_return items.error();
  co_return client::read_each(*items, client::read_task);
}

const client::TaskAnswer* task_of(const Tasks& tasks, const std::string& id) {
  const auto it = std::ranges::find(tasks, id, &client::TaskAnswer::id);
  return it == tasks.end() ? nullptr : &*it;
}

// Of those that have the name the one that was changed last.
const client::TaskAnswer* last_named(const Tasks& tasks, const std::string& name) {
  const auto when = [](const client::TaskAnswer& task) {
    return std::pair(cli::parse_time(task.updated_at).value_or(0), task.id);
  };
  const client::TaskAnswer* last = nullptr;
  for (const client::TaskAnswer& task : tasks) {
    if (task.name == name && (last == nullptr || when(*last) < when(task))) last = &task;
  }
  return last;
}

FieldProblem no_such_version(const cli::TaskWord& task, const std::string& name, int latest) {
  const std::string there = latest > 0 ? "its latest is " + std::to_string(latest)
                                       : "it is not kept yet; take \"version\" out, and it is";
  return {task.version_pointer(),
          "task " + name + " has no version " + std::to_string(*task.version) + ": " + there,
          {},
          {}};
}

// A file of Python, and the task that it is kept as.
struct Code {
  std::string path;
  std::string name;
  std::string text;
  std::string id{};  // of the task of this name; "": there is none
  int latest = 0;
  std::vector<cli::TaskWord> nodes{};  // that name it

  bool is_to_be_kept() const {
    return !std::ranges::all_of(nodes, [](const cli::TaskWord& node) { return !!node.version; });
  }
};

// What the words of a file mean, before anything is sent.
class Words {
 public:
  Words(const cli::WorkflowFile& file, const Tasks& tasks, std::string workflow, double now)
      : file_(file), tasks_(tasks), workflow_(std::move(workflow)), now_(now) {}

  void look_at(const cli::TaskWord& task) {
    auto fine = task.is_file() ? add_code(task) : add_task(task);
    if (!fine && told_.insert(task.word).second)
      problems.push_back({task.pointer, fine.error().message, {}, {}});
  }
  // invalid_fields, with all that is wrong.
  Result<void> check() const {
    if (problems.empty()) return {};
    return cli::in_file(file_, {ErrorCode::invalid_fields,
                                "not all tasks of " + file_.path + " are known", problems});
  }
  cli::TasksMeant meant{};
  std::vector<Code> codes{};
  std::vector<FieldProblem> problems{};

 private:
  Result<void> add_task(const cli::TaskWord& task) {
    std::string id = task.word;
    if (!base::is_uuid(id)) {
      client::Search search("task", task.word, "task:");
      for (const client::TaskAnswer& one : tasks_) search.look_at(one.id, one.name);
      auto found = search.found(now_);
      if (!found) return found.error();
      id = std::move(*found);
      meant[task.word] = {id};
    }
    const client::TaskAnswer* kept = task_of(tasks_, id);
    if (kept != nullptr && task.version.value_or(0) > kept->version)
      problems.push_back(no_such_version(task, kept->name, kept->version));
    return {};
  }

  Result<void> add_code(const cli::TaskWord& task) {
    const auto path = cli::code_path(file_, task);
    if (!path) return path.error();
    const auto same = std::ranges::find_if(codes, [&](const Code& code) {
      return fs::path(code.path).lexically_normal() == fs::path(*path).lexically_normal();
    });
    if (same != codes.end()) {
      same->nodes.push_back(task);
      return {};
    }
    const auto text = code_to_send(*path);
    if (!text) return text.error();
    Code code{*path, workflow_ + "/" + fs::path(*path).stem().string(), *text};
    const auto other = std::ranges::find(codes, code.name, &Code::name);
    if (other != codes.end()) {
      return fail(ErrorCode::usage, other->path + " and " + *path + " would be one task, " +
                                        code.name + ": give one of them another name");
    }
    if (const client::TaskAnswer* kept = last_named(tasks_, code.name)) {
      code.id = kept->id;
      code.latest = kept->version;
    }
    code.nodes.push_back(task);
    codes.push_back(std::move(code));
    return {};
  }

  const cli::WorkflowFile& file_;
  const Tasks& tasks_;
  std::string workflow_;
  double now_;
  std::set<std::string> told_;
};

awaitable<Result<std::string>> code_of(client::Api& api, std::string task,
                                       std::optional<int> version) {
  client::Call get;
  get.path = client::task_path(task);
  if (version) get.query = {{"version", std::to_string(*version)}};
  const auto json = co_await api.text(std::move(get));
  if (!json) co_return json.error();
  co_return client::text_member(*json, "code");
}

// What is wrong with the version that a node says beside a file; its code is that version's.
awaitable<Result<std::optional<FieldProblem>>> wrong_version(client::Api& api, const Code& code,
                                                             cli::TaskWord node) {
  if (*node.version > code.latest)
    co_return std::optional(no_such_version(node, code.name, code.latest));
  const auto text = co_await code_of(api, code.id, node.version);
  if (!text) co_return text.error();
  if (*text == code.text) co_return std::optional<FieldProblem>();
  const std::string version = "version " + std::to_string(*node.version);
  co_return std::optional(FieldProblem{
      node.version_pointer(),
      node.word + " is not the code of " + version + " of task " + code.name +
          ": take \"version\" out, and the file is kept and run; or write task: " + code.name +
          ", and " + version + " is",
      {},
      {}});
}

awaitable<Result<void>> check_versions(client::Api& api, Words& words) {
  for (const Code& code : words.codes) {
    for (const cli::TaskWord& node : code.nodes) {
      if (!node.version) continue;
      auto wrong = co_await wrong_version(api, code, node);
      if (!wrong) co_return wrong.error();
      if (*wrong) words.problems.push_back(std::move(**wrong));
    }
  }
  co_return words.check();
}

// The task that the code is kept as, in its version; says what was done.
awaitable<Result<cli::TaskMeant>> keep_code(Remote& remote, const Code& code) {
  client::Call send{"POST", "/api/tasks"};
  wire::ObjectWriter body;
  if (!code.id.empty()) {
    const auto now = co_await code_of(remote.api, code.id, code.latest);
    if (!now) co_return now.error();
    if (*now == code.text) co_return cli::TaskMeant{code.id, code.latest};
    send = {"PATCH", client::task_path(code.id)};
  } else {
    body.text("name", code.name);
  }
  send.body = std::move(body.text("code", code.text)).finish();
  const auto answer = co_await remote.api.text(std::move(send));
  if (!answer) {
    if (answer.error().code == ErrorCode::invalid_code) {
      for (const FieldProblem& problem : answer.error().problems)
        remote.err.write(cli::marked_line(code.text, code.path, problem));
    }
    co_return answer.error();
  }
  const auto task = client::read_task(*answer);
  if (!task) co_return task.error();
  remote.err.write(std::string("mecapy: ") + (code.id.empty() ? "kept" : "changed") + " task " +
                   cli::harmless_line(task->name) + ", version " + std::to_string(task->version) +
                   "\n");
  co_return cli::TaskMeant{task->id, task->version};
}

}  // namespace

awaitable<Result<cli::TasksMeant>> keep_tasks(Remote& remote, const cli::WorkflowFile& file,
                                              std::string workflow) {
  const auto tasks = co_await all_tasks(remote.api);
  if (!tasks) co_return tasks.error();
  Words words(file, *tasks, std::move(workflow), remote.now());
  for (const cli::TaskWord& task : file.tasks) words.look_at(task);
  if (auto fine = co_await check_versions(remote.api, words); !fine) co_return fine.error();
  for (const Code& code : words.codes) {
    cli::TaskMeant meant{code.id};
    if (code.is_to_be_kept()) {
      auto kept = co_await keep_code(remote, code);
      if (!kept) co_return kept.error();
      meant = std::move(*kept);
    }
    for (const cli::TaskWord& node : code.nodes) words.meant[node.word] = meant;
  }
  co_return std::move(words.meant);
}

}  // namespace mecapy::main
