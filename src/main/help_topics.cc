#include <algorithm>
#include <cstdio>

#include "base/nearest.h"
#include "cli/text.h"
#include "main/command_table.h"
#include "main/complain.h"
#include "model/outcome.h"

namespace mecapy::main {
namespace {

// Of an error outside a run.
std::string whose_fault(int exit_code) {
  if (exit_code == 75) return "nobody's: try again later";
  const bool callers = exit_code == 64 || exit_code == 65 || exit_code == 66 || exit_code == 77;
  return callers ? "yours" : "the platform's";
}

std::string exit_codes(const CLI::App&) {
  std::vector<std::vector<std::string>> rows = {{"STATUS", "CODE", "WHOSE FAULT", "WHAT"}};
  rows.push_back({"0", "", "nobody's", "done"});
  for (const model::OutcomeRow& row : model::outcome_table()) {
    rows.push_back({std::to_string(row.exit_code), std::string(row.name),
                    std::string(model::name(row.fault)) + "'s", std::string(row.meaning)});
  }
  for (const base::ErrorRow& row : base::error_table()) {
    rows.push_back({std::to_string(row.exit_code), std::string(row.name),
                    whose_fault(row.exit_code), std::string(row.title)});
  }
  rows.push_back({std::to_string(kInterrupted), "", "", "interrupted, or the run was cancelled"});
  std::ranges::stable_sort(rows.begin() + 1, rows.end(), {},
                           [](const auto& row) { return std::stoi(row.front()); });
  return "A run that failed gives its outcome's: 1x the calculation's fault, 2x a limit's, 3x the "
         "platform's.\nWhat went wrong outside a run has the status of sysexits.h that fits.\n\n" +
         cli::table(rows);
}

std::string environment(const CLI::App&) {
  std::vector<std::vector<std::string>> rows;
  for (const config::ClientVariable& variable : config::kClientVariables) {
    rows.push_back({std::string(variable.name), std::string(variable.meaning)});
  }
  rows.push_back({"NO_COLOR", "no colours, whatever it says"});
  rows.push_back(
      {"XDG_CONFIG_HOME", "the login is saved in mecapy/login.json below it, or ~/.config"});
  rows.push_back({"HTTPS_PROXY", "the proxy for https:// (http:// goes to this machine only)"});
  return cli::table(rows) +
         "\nSettings of serve, worker and run have variables, too: mecapy config --all\n";
}

std::string json_shapes(const CLI::App&) {
  std::vector<std::vector<std::string>> rows = {{"COMMAND", "WITH --json PRINTS"}};
  for (const CommandRow& row : command_table()) {
    if (!row.json.empty()) rows.push_back({std::string(row.words), std::string(row.json)});
  }
  return "Names with a capital are shapes of the API: SERVER/docs/contract, or /api/openapi.json. "
         "They "
         "may gain members.\nErrors are words on standard error; the exit status tells programs "
         "(mecapy help exit-codes).\n\n" +
         cli::table(rows);
}

std::string all_commands(const CLI::App& program) { return cli::reference(describe(program)); }

const CLI::App* find_command(const CLI::App& app, const std::string& name) {
  for (const CLI::App* inner : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (inner->get_name() == name) return inner;
  }
  return nullptr;
}

std::vector<std::string> names_in(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* inner : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(inner->get_name());
  }
  return names;
}

}  // namespace

const std::vector<Topic>& topic_table() {
  static const std::vector<Topic> table = {
      {"exit-codes", "every exit status, and whose fault it tells", exit_codes},
      {"environment", "variables that the commands read", environment},
      {"json", "what --json prints", json_shapes},
      {"reference", "all commands, as Markdown", all_commands},
  };
  return table;
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known,
                         const std::string& otherwise) {
  const std::string near = base::nearest(word, {known.begin(), known.end()});
  return near.empty() ? "; " + otherwise : "; did you mean " + near + "?";
}

int tell_help(const CLI::App& program, const std::vector<std::string>& words) {
  const CLI::App* app = &program;
  std::string path = program.get_name();
  for (const std::string& word : words) {
    const auto topic = std::ranges::find(topic_table(), word, &Topic::name);
    if (app == &program && topic != topic_table().end()) {
      std::fputs(topic->text(program).c_str(), stdout);
      return 0;
    }
    const CLI::App* inner = find_command(*app, word);
    if (inner == nullptr) {
      std::vector<std::string> known = names_in(*app);
      for (const Topic& one : topic_table()) known.emplace_back(one.name);
      return complain(
          fail(ErrorCode::usage, "unknown command \"" + word + "\"" +
                                     did_you_mean(word, known, path + " --help lists them")));
    }
    if (app != &program) path += " " + app->get_name();
    app = inner;
  }
  // CLI11's own help() is that of the command that was typed: this one.
  const auto formatter = program.get_formatter();
  const std::string name = app == &program ? path : path + " " + app->get_name();
  std::fputs(formatter->make_help(app, name, CLI::AppFormatMode::Normal).c_str(), stdout);
  return 0;
}

}  // namespace mecapy::main
