#include "cli/workflow_file.h"

#include <algorithm>
#include <filesystem>

#include "base/json.h"
#include "cli/inputs.h"
#include "cli/yaml_json.h"
#include "wire/json.h"

namespace mecapy::cli {
namespace {

namespace fs = std::filesystem;

// The members of an object; none of what is no object, or has a name twice.
std::vector<wire::Member> members_of(std::string_view json) {
  auto members = wire::object_members(json);
  return members ? std::move(*members) : std::vector<wire::Member>{};
}

std::vector<TaskWord> tasks_of(std::string_view nodes) {
  std::vector<TaskWord> tasks;
  for (const wire::Member& node : members_of(nodes)) {
    for (const wire::Member& member : members_of(node.raw)) {
      const auto word = wire::string_value(member.raw);
      if (member.key != "task" || !word) continue;
      tasks.push_back({node.key, base::pointer_to("/nodes", node.key) + "/task", *word});
    }
  }
  return tasks;
}

std::string node_with(std::string_view node, const std::map<std::string, std::string>& ids) {
  const std::vector<wire::Member> members = members_of(node);
  if (members.empty()) return std::string(node);
  wire::ObjectWriter out;
  for (const wire::Member& member : members) {
    const auto word = wire::string_value(member.raw);
    const auto id = member.key == "task" && word ? ids.find(*word) : ids.end();
    if (id != ids.end()) {
      out.text(member.key, id->second);
    } else {
      out.raw(member.key, member.raw);
    }
  }
  return std::move(out).finish();
}

std::string nodes_with(const std::string& nodes, const std::map<std::string, std::string>& ids) {
  const std::vector<wire::Member> members = members_of(nodes);
  if (members.empty()) return nodes;
  wire::ObjectWriter out;
  for (const wire::Member& node : members) out.raw(node.key, node_with(node.raw, ids));
  return std::move(out).finish();
}

}  // namespace

std::string WorkflowFile::json(std::string_view name) const {
  const auto it = std::ranges::find(members, name, &Member::name);
  return it == members.end() ? "" : it->json;
}

bool is_workflow_file(std::string_view word) {
  return word.ends_with(".json") || word.ends_with(".yaml") || word.ends_with(".yml");
}

Result<WorkflowFile> read_workflow_file(const std::string& path) {
  auto text = read_code(path);
  if (!text) return text.error();
  WorkflowFile file{path};
  if (!path.ends_with(".json")) {
    auto read = yaml_as_json(*text, path);
    if (!read) return read.error();
    text = std::move(read->json);
    file.lines = std::move(read->lines);
  } else if (auto valid = check_json(*text, path); !valid) {
    return valid.error();
  }
  const auto members = wire::object_members(*text);
  if (!members) return fail(ErrorCode::usage, path + ": " + members.error().message);
  for (const wire::Member& member : *members)
    file.members.push_back({member.key, std::string(member.raw)});
  file.tasks = tasks_of(file.json("nodes"));
  return file;
}

std::string workflow_body(const WorkflowFile& file, const std::map<std::string, std::string>& ids,
                          const std::optional<std::string>& name,
                          const std::optional<std::string>& description) {
  wire::ObjectWriter body;
  if (name) body.text("name", *name);
  if (description) body.text("description", *description);
  for (const auto& [member, json] : file.members) {
    if ((member == "name" && name) || (member == "description" && description)) continue;
    body.raw(member, member == "nodes" ? nodes_with(json, ids) : json);
  }
  return std::move(body).finish();
}

Result<std::string> code_path(const WorkflowFile& file, const TaskWord& task) {
  const fs::path code(task.word);
  const bool leads_out =
      code.is_absolute() || std::ranges::find(code, fs::path("..")) != code.end();
  if (leads_out || task.word.find('\0') != std::string::npos) {
    return in_file(file, fail_at(task.pointer, ErrorCode::usage,
                                 "\"" + task.word + "\" is not below the folder of " + file.path));
  }
  return (fs::path(file.path).parent_path() / code).string();
}

Error in_file(const WorkflowFile& file, Error error) {
  for (FieldProblem& problem : error.problems) {
    if (!problem.pointer.starts_with('/')) continue;
    std::string place = problem.pointer;
    auto line = file.lines.find(place);
    while (line == file.lines.end() && place.find('/') != std::string::npos) {
      place.resize(place.rfind('/'));
      line = file.lines.find(place);
    }
    if (line == file.lines.end()) continue;
    problem.pointer += " (" + file.path + ", line " + std::to_string(line->second) + ")";
  }
  return error;
}

}  // namespace mecapy::cli
