// A workflow as people write it into a file: JSON or YAML, whose nodes may name their tasks, or
// files of Python.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mecapy::cli {

// How the task of a node is named.
struct TaskWord {
  std::string node;
  std::string pointer;  // "/nodes/k/task"
  std::string word;
  std::optional<int> version{};  // which the node says beside it
  bool is_file() const { return word.ends_with(".py"); }
  std::string version_pointer() const;
};

// What a word for a task means.
struct TaskMeant {
  std::string id;
  std::optional<int> version{};  // which nodes have that say none themselves; nothing: the latest
};
using TasksMeant = std::map<std::string, TaskMeant>;  // by word

struct WorkflowFile {
  struct Member {
    std::string name;
    std::string json;
  };
  std::string path;
  std::vector<Member> members{};                    // in their order
  std::vector<TaskWord> tasks{};                    // of those nodes whose task is a text
  std::map<std::string, int, std::less<>> lines{};  // yaml_json.h

  std::string json(std::string_view name) const;  // the member; "" when there is none
};

// Whether `word` ends as such a file does: .json, .yaml, .yml.
bool is_workflow_file(std::string_view word);

// not_found when there is no such file; invalid_fields, with the place, for what is no object. What
// else is wrong with it the server says.
Result<WorkflowFile> read_workflow_file(const std::string& path);

// The name that the file is kept under as a workflow: `given`, what the file says, or its own:
// joint of joint.yaml and of joint/workflow.yaml.
std::string workflow_name(const WorkflowFile& file, const std::optional<std::string>& given);

// What is in the file, with what is meant in the place of words for tasks (or as they stand, where
// `tasks` has none) and with `name` and `description` over its own, where they are given.
std::string workflow_body(const WorkflowFile& file, const TasksMeant& tasks,
                          const std::optional<std::string>& name,
                          const std::optional<std::string>& description);

// A file of Python that a node names, from where we are. usage for one that is not below the folder
// of the workflow's file.
Result<std::string> code_path(const WorkflowFile& file, const TaskWord& task);

// The error with the file and, where it is known, its line behind each pointer. Of YAML what to
// write instead is said in its own words (workflow_words.h).
Error in_file(const WorkflowFile& file, Error error);

}  // namespace mecapy::cli
