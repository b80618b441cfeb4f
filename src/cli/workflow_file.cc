#include "cli/workflow_file.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/json.h"
#include "cli/inputs.h"
#include "cli/workflow_words.h"
#include "cli/yaml_json.h"
#include "wire/json.h"

namespace mecapy::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNoObject = "must be a JSON object";  // as a server says it

// The members of an object; none of what is no object, or has a name twice.
std::vector<wire::Member> members_of(std::string_view json) {
  auto members = wire::object_members(json);
  return members ? std::move(*members) : std::vector<wire::Member>{};
}

// A positive number that a node may say as its version.
std::optional<int> version_in(const std::vector<wire::Member>& node) {
  for (const wire::Member& member : node) {
    int number = 0;
    const char* const end = member.raw.data() + member.raw.size();
    const auto read = std::from_chars(member.raw.data(), end, number);
    if (member.key == "version" && read.ec == std::errc() && read.ptr == end && number > 0)
      return number;
  }
  return std::nullopt;
}

std::vector<TaskWord> tasks_of(std::string_view nodes) {
  std::vector<TaskWord> tasks;
  for (const wire::Member& node : members_of(nodes)) {
    const std::vector<wire::Member> members = members_of(node.raw);
    for (const wire::Member& member : members) {
      const auto word = wire::string_value(member.raw);
      if (member.key != "task" || !word) continue;
      tasks.push_back(
          {node.key, base::pointer_to("/nodes", node.key) + "/task", *word, version_in(members)});
    }
  }
  return tasks;
}

std::string node_with(std::string_view node, const TasksMeant& tasks) {
  const std::vector<wire::Member> members = members_of(node);
  if (members.empty()) return std::string(node);
  const bool says_version =
      std::ranges::find(members, "version", &wire::Member::key) != members.end();
  wire::ObjectWriter out;
  for (const wire::Member& member : members) {
    const auto word = wire::string_value(member.raw);
    const auto meant = member.key == "task" && word ? tasks.find(*word) : tasks.end();
    if (meant == tasks.end()) {
      out.raw(member.key, member.raw);
      continue;
    }
    out.text(member.key, meant->second.id);
    if (meant->second.version && !says_version) out.integer("version", *meant->second.version);
  }
  return std::move(out).finish();
}

std::string nodes_with(const std::string& nodes, const TasksMeant& tasks) {
  const std::vector<wire::Member> members = members_of(nodes);
  if (members.empty()) return nodes;
  wire::ObjectWriter out;
  for (const wire::Member& node : members) out.raw(node.key, node_with(node.raw, tasks));
  return std::move(out).finish();
}

std::string name_of_file(const std::string& path) {
  const std::string stem = fs::path(path).stem().string();
  if (stem != "workflow") return stem;
  std::error_code ec;
  const std::string folder = fs::absolute(path, ec).lexically_normal().parent_path().filename();
  return folder.empty() ? stem : folder;
}

}  // namespace

std::string TaskWord::version_pointer() const {
  return pointer.substr(0, pointer.rfind('/')) + "/version";
}

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
    return fail(ErrorCode::invalid_fields, valid.error().message);
  }
  const auto members = wire::object_members(*text);
  if (!members) return fail(ErrorCode::invalid_fields, path + ": " + members.error().message);
  for (const wire::Member& member : *members)
    file.members.push_back({member.key, std::string(member.raw)});
  file.tasks = tasks_of(file.json("nodes"));
  return file;
}

std::string workflow_name(const WorkflowFile& file, const std::optional<std::string>& given) {
  const std::string said = wire::string_value(file.json("name")).value_or("");
  return given ? *given : said.empty() ? name_of_file(file.path) : said;
}

std::string workflow_body(const WorkflowFile& file, const TasksMeant& tasks,
                          const std::optional<std::string>& name,
                          const std::optional<std::string>& description) {
  wire::ObjectWriter body;
  if (name) body.text("name", *name);
  if (description) body.text("description", *description);
  for (const auto& [member, json] : file.members) {
    if ((member == "name" && name) || (member == "description" && description)) continue;
    body.raw(member, member == "nodes" ? nodes_with(json, tasks) : json);
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
    if (!file.lines.empty() && problem.detail == kNoObject)
      problem.detail = object_instead(file, problem.pointer);
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
