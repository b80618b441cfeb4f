// What shells complete, and the reference for people: both made from the same description of all
// commands.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mecapy::cli {

// What a word stands for that is typed.
// `workflow`: one that is kept, or a file.
enum class Takes : std::uint8_t {
  nothing,
  text,
  file,
  folder,
  words,
  task,
  run,
  workflow,
  workflow_run
};

struct Flag {
  std::vector<std::string> names;  // "--inputs", "-i"
  std::string meaning;
  Takes takes = Takes::nothing;
  std::string value = {};               // its name in help: "NAME=VALUE"
  std::vector<std::string> words = {};  // takes words: those that may be typed
};

struct Operand {
  std::string name;  // "FILE"
  std::string meaning;
  Takes takes = Takes::text;
  bool required = false;
  std::vector<std::string> words = {};
};

struct CommandWords {
  std::string name;  // "run"; of a command within another, its own word only
  std::string group;
  std::string meaning;
  std::string examples = {};
  std::vector<Flag> flags = {};
  std::vector<Operand> operands = {};
  std::vector<CommandWords> commands = {};
};

// Scripts to be sourced; `program` has the commands of the whole program in it. For what a server
// knows they ask the program, as it was typed, with `completion tasks`, `runs`, `workflows` and
// `workflow-runs`; nothing is offered behind --server, of which the program knows nothing then.
std::string bash_completion(const CommandWords& program);
std::string zsh_completion(const CommandWords& program);
std::string fish_completion(const CommandWords& program);

// Markdown of all commands, for docs/cli.md.
std::string reference(const CommandWords& program);

}  // namespace mecapy::cli
