// The parser, told again: for shells and documents.
#include <sstream>

#include "main/command_table.h"

namespace mecapy::main {
namespace {

std::vector<std::string> alternatives(const std::string& type) {
  std::vector<std::string> words;
  std::istringstream in(type);
  for (std::string word; std::getline(in, word, '|');) words.push_back(word);
  return words;
}

cli::Takes takes(const std::string& name, const std::string& type) {
  if (type.find('|') != std::string::npos) return cli::Takes::words;
  const std::string& word = type.empty() ? name : type;
  if (word == "FILE") return cli::Takes::file;
  if (word == "TASK") return cli::Takes::task;
  if (word == "RUN") return cli::Takes::run;
  if (word == "WORKFLOW") return cli::Takes::workflow;
  if (word == "WORKFLOW-RUN") return cli::Takes::workflow_run;
  return word == "FOLDER" ? cli::Takes::folder : cli::Takes::text;
}

cli::Operand operand_of(const CLI::Option& option) {
  cli::Operand operand{option.get_name(true, false), option.get_description()};
  const std::string type = option.get_type_name();
  operand.takes = takes(operand.name, type);
  operand.required = option.get_required();
  if (operand.takes == cli::Takes::words) operand.words = alternatives(type);
  return operand;
}

cli::Flag flag_of(const CLI::Option& option) {
  cli::Flag flag;
  for (const std::string& name : option.get_snames()) flag.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) flag.names.push_back("--" + name);
  flag.meaning = option.get_description();
  if (option.get_expected_max() == 0) return flag;
  flag.value = option.get_type_name();
  flag.takes = takes("", flag.value);
  if (flag.takes == cli::Takes::words) flag.words = alternatives(flag.value);
  return flag;
}

}  // namespace

cli::CommandWords describe(const CLI::App& app) {
  cli::CommandWords command{app.get_name(), app.get_group(), app.get_description()};
  constexpr std::string_view kBefore = "Example:\n";
  const std::string footer = app.get_footer();
  if (footer.starts_with(kBefore)) {
    std::istringstream lines(footer.substr(kBefore.size()));
    for (std::string line; std::getline(lines, line);) {
      command.examples += (command.examples.empty() ? "" : "\n") + line.substr(2);
    }
  }
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    if (option->get_positional()) {
      command.operands.push_back(operand_of(*option));
    } else {
      command.flags.push_back(flag_of(*option));
    }
  }
  for (const CLI::App* inner : app.get_subcommands([](const CLI::App*) { return true; })) {
    command.commands.push_back(describe(*inner));
  }
  return command;
}

}  // namespace mecapy::main
