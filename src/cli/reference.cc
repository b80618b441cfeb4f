#include "cli/completion.h"

#include <algorithm>

namespace mecapy::cli {
namespace {

std::string usage(const std::string& name, const CommandWords& command) {
  std::string line = name;
  for (const Operand& operand : command.operands) {
    line += operand.required ? " " + operand.name : " [" + operand.name + "]";
  }
  return command.flags.empty() ? line : line + " [FLAG...]";
}

std::string sentence(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] += 'A' - 'a';
  return text + ".";
}

// A cell of a table.
std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
    text.insert(at, "\\");
  return text;
}

std::string rows(const CommandWords& command) {
  std::string out;
  for (const Operand& operand : command.operands) {
    out += "| `" + operand.name + "` | " + cell(operand.meaning) + " |\n";
  }
  for (const Flag& flag : command.flags) {
    if (std::ranges::find(flag.names, "--help") != flag.names.end()) continue;  // each has it
    std::string names;
    for (const std::string& name : flag.names) names += (names.empty() ? "" : ", ") + name;
    if (!flag.value.empty()) names += " " + flag.value;
    out += "| `" + cell(names) + "` | " + cell(flag.meaning) + " |\n";
  }
  return out.empty() ? out : "\n| | |\n|---|---|\n" + out;
}

void add(std::string& out, const std::string& name, const CommandWords& command) {
  if (command.commands.empty()) {
    out +=
        "\n### `" + usage(name, command) + "`\n" + sentence(command.meaning) + "\n" + rows(command);
    if (!command.examples.empty()) out += "\n```sh\n" + command.examples + "\n```\n";
  }
  for (const CommandWords& inner : command.commands) add(out, name + " " + inner.name, inner);
}

}  // namespace

std::string reference(const CommandWords& program) {
  std::string out;
  std::string group;
  for (const CommandWords& command : program.commands) {
    if (command.group != group) out += (group.empty() ? "## " : "\n## ") + command.group + "\n";
    group = command.group;
    add(out, program.name + " " + command.name, command);
  }
  return out;
}

}  // namespace mecapy::cli
