#include "main/workflow_keep.h"

#include <filesystem>
#include <set>
#include <vector>

#include "base/id.h"
#include "cli/ending.h"
#include "client/names.h"
#include "client/pages.h"
#include "client/workflow_answers.h"
#include "main/before_run.h"
#include "wire/canonical_hash.h"
#include "wire/json.h"

namespace mecapy::main {
namespace {

namespace fs = std::filesystem;

struct Named {
  std::string id;
  std::string name;
};

// All of the caller's that the list at `path` has.
awaitable<Result<std::vector<Named>>> all_named(client::Api& api, std::string path) {
  const auto items = co_await client::list(api, std::move(path), {}, 0);
  if (!items) co_return items.error();
  std::vector<Named> all;
  for (const std::string& item : *items)
    all.push_back({client::text_member(item, "id"), client::text_member(item, "name")});
  co_return all;
}

// The one that has the name; nothing when there is none. usage, with the ids, when several have.
Result<std::optional<std::string>> only_one(const std::vector<Named>& all, const std::string& name,
                                            const std::string& kind) {
  std::vector<std::string> ids;
  for (const Named& one : all) {
    if (one.name == name && base::is_uuid(one.id)) ids.push_back(one.id);
  }
  if (ids.empty()) return std::optional<std::string>();
  if (ids.size() == 1) return std::optional(ids.front());
  std::string listed;
  for (const std::string& id : ids) listed += (listed.empty() ? " " : ", ") + id;
  return fail(ErrorCode::usage, "you have several " + kind + "s named " + name + ":" + listed);
}

// A file of Python, and the task that it is kept as.
struct Code {
  std::string word;
  std::string path;
  std::string name;
  std::string text;
  std::optional<std::string> id{};  // of the task of this name, when there is one
};

// What the words of a file mean, before anything is sent.
class Words {
 public:
  Words(const cli::WorkflowFile& file, const std::vector<Named>& tasks, double now)
      : file_(file), tasks_(tasks), now_(now) {}

  void look_at(const cli::TaskWord& task) {
    if (base::is_uuid(task.word) || !seen_.insert(task.word).second) return;
    auto fine = task.is_file() ? add_code(task) : add_name(task);
    if (!fine) problems_.push_back({task.pointer, fine.error().message, {}, {}});
  }
  // invalid_fields, with all that is wrong.
  Result<void> check() const {
    if (problems_.empty()) return {};
    return cli::in_file(file_, {ErrorCode::invalid_fields,
                                "not all tasks of " + file_.path + " are known", problems_});
  }
  std::map<std::string, std::string> ids{};
  std::vector<Code> codes{};

 private:
  Result<void> add_name(const cli::TaskWord& task) {
    client::Search search("task", task.word, "task:");
    for (const Named& one : tasks_) search.look_at(one.id, one.name);
    const auto id = search.found(now_);
    if (!id) return id.error();
    ids[task.word] = *id;
    return {};
  }

  Result<void> add_code(const cli::TaskWord& task) {
    const auto path = cli::code_path(file_, task);
    if (!path) return path.error();
    const auto text = code_to_send(*path);
    if (!text) return text.error();
    const std::string name = fs::path(*path).stem().string();
    for (const Code& other : codes) {
      if (other.name == name)
        return fail(ErrorCode::usage, other.path + " and " + *path + " would be one task");
    }
    const auto id = only_one(tasks_, name, "task");
    if (!id) return id.error();
    codes.push_back({task.word, *path, name, *text, *id});
    return {};
  }

  const cli::WorkflowFile& file_;
  const std::vector<Named>& tasks_;
  double now_;
  std::set<std::string> seen_;
  std::vector<FieldProblem> problems_;
};

// The id of the task that the code is kept as; says what was done.
awaitable<Result<std::string>> keep_code(Remote& remote, Code code) {
  client::Call send{"POST", "/api/tasks"};
  wire::ObjectWriter body;
  if (code.id) {
    client::Call get;
    get.path = client::task_path(*code.id);
    const auto now = co_await remote.api.text(std::move(get));
    if (!now) co_return now.error();
    if (client::text_member(*now, "code") == code.text) co_return *code.id;
    send = {"PATCH", client::task_path(*code.id)};
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
  remote.err.write(std::string("mecapy: ") + (code.id ? "changed" : "kept") + " task " +
                   cli::harmless_line(task->name) + ", version " + std::to_string(task->version) +
                   "\n");
  co_return task->id;
}

// The definition alone, as it is compared: what is left out is empty.
std::string definition_of(const std::string& inputs, const std::string& nodes,
                          const std::string& outputs) {
  wire::ObjectWriter out;
  out.raw("inputs", inputs.empty() ? "{}" : inputs);
  out.raw("nodes", nodes.empty() ? "{}" : nodes);
  out.raw("outputs", outputs.empty() ? "{}" : outputs);
  return std::move(out).finish();
}

// The names of the members, in their order, which people see.
std::string order_of(const std::string& json) {
  std::string order;
  const auto members = wire::object_members(json);
  if (!members) return order;
  for (const wire::Member& member : *members) order += wire::quote(member.key);
  return order;
}

bool is_same(const client::WorkflowAnswer& kept, const cli::WorkflowFile& body) {
  const std::string inputs = body.json("inputs");
  const std::string nodes = body.json("nodes");
  const std::string outputs = body.json("outputs");
  return order_of(kept.nodes) == order_of(nodes) && order_of(kept.outputs) == order_of(outputs) &&
         wire::canonical_hash(definition_of(kept.inputs, kept.nodes, kept.outputs)) ==
             wire::canonical_hash(definition_of(inputs, nodes, outputs));
}

Result<KeptWorkflow> kept_of(std::string json, KeptWorkflow::Done done) {
  const auto workflow = client::read_workflow(json);
  if (!workflow) return workflow.error();
  return KeptWorkflow{std::move(json), workflow->id, workflow->name, workflow->version, done};
}

// The members of a body, to be looked at.
cli::WorkflowFile parts_of(const std::string& body) {
  cli::WorkflowFile parts;
  const auto members = wire::object_members(body);
  if (!members) return parts;
  for (const wire::Member& member : *members)
    parts.members.push_back({member.key, std::string(member.raw)});
  return parts;
}

// "joint" of joint.yaml, and of joint/workflow.yaml.
std::string name_of_file(const std::string& path) {
  const std::string stem = fs::path(path).stem().string();
  if (stem != "workflow") return stem;
  std::error_code ec;
  const std::string folder = fs::absolute(path, ec).lexically_normal().parent_path().filename();
  return folder.empty() ? stem : folder;
}

// Changes the workflow `id` into what `body` says, where it says something else.
awaitable<Result<KeptWorkflow>> change(client::Api& api, std::string id, std::string body) {
  client::Call get;
  get.path = client::workflow_path(id);
  auto json = co_await api.text(std::move(get));
  if (!json) co_return json.error();
  const auto kept = client::read_workflow(*json);
  if (!kept) co_return kept.error();
  const cli::WorkflowFile parts = parts_of(body);
  const auto description = wire::string_value(parts.json("description"));
  const bool same = is_same(*kept, parts);
  if (same && description.value_or(kept->description) == kept->description)
    co_return kept_of(std::move(*json), KeptWorkflow::Done::nothing);
  if (same) {  // no new version
    body = std::move(wire::ObjectWriter().text("description", *description)).finish();
  } else if (parts.json("inputs").empty()) {  // what is left out of a change stays as it is
    wire::ObjectWriter whole;
    for (const auto& [name, value] : parts.members) whole.raw(name, value);
    body = std::move(whole.raw("inputs", "{}")).finish();
  }
  client::Call patch{"PATCH", client::workflow_path(id)};
  patch.body = std::move(body);
  auto changed = co_await api.text(std::move(patch));
  if (!changed) co_return changed.error();
  co_return kept_of(std::move(*changed), KeptWorkflow::Done::changed);
}

}  // namespace

awaitable<Result<std::map<std::string, std::string>>> keep_tasks(Remote& remote,
                                                                 const cli::WorkflowFile& file) {
  const auto tasks = co_await all_named(remote.api, "/api/tasks");
  if (!tasks) co_return tasks.error();
  Words words(file, *tasks, remote.now());
  for (const cli::TaskWord& task : file.tasks) words.look_at(task);
  if (auto fine = words.check(); !fine) co_return fine.error();
  for (Code& code : words.codes) {
    std::string word = code.word;
    auto id = co_await keep_code(remote, std::move(code));
    if (!id) co_return id.error();
    words.ids[word] = std::move(*id);
  }
  co_return std::move(words.ids);
}

awaitable<Result<KeptWorkflow>> keep_workflow(Remote& remote, const cli::WorkflowFile& file,
                                              std::optional<std::string> name,
                                              std::optional<std::string> description) {
  const auto ids = co_await keep_tasks(remote, file);
  if (!ids) co_return ids.error();
  if (!name) name = wire::string_value(file.json("name"));
  if (!name && file.json("name").empty()) name = name_of_file(file.path);
  const std::string body = cli::workflow_body(file, *ids, name, description);
  std::optional<std::string> there;
  if (name) {
    const auto all = co_await all_named(remote.api, "/api/workflows");
    if (!all) co_return all.error();
    const auto found = only_one(*all, *name, "workflow");
    if (!found) co_return found.error();
    there = *found;
  }
  Result<KeptWorkflow> kept = fail(ErrorCode::internal, "nothing was done");
  if (there) {
    kept = co_await change(remote.api, *there, body);
  } else {
    client::Call make{"POST", "/api/workflows"};
    make.body = body;
    auto json = co_await remote.api.text(std::move(make));
    kept = json ? kept_of(std::move(*json), KeptWorkflow::Done::made)
                : Result<KeptWorkflow>(json.error());
  }
  if (!kept) co_return cli::in_file(file, kept.error());
  co_return kept;
}

void tell_kept(const Remote& remote, const KeptWorkflow& kept) {
  const std::string name = cli::harmless_line(kept.name);
  const std::string version = ", version " + std::to_string(kept.version);
  const std::string done = kept.done == KeptWorkflow::Done::made ? "kept" : "changed";
  remote.err.write("mecapy: " +
                   (kept.done == KeptWorkflow::Done::nothing
                        ? "workflow " + name + version + ": unchanged"
                        : done + " workflow " + name + version) +
                   "\n");
}

}  // namespace mecapy::main
