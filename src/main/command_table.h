// Every command, in one table: what is typed, help, completion and docs/cli.md are made from it.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/completion.h"
#include "main/commands.h"

namespace mecapy::main {

// What was typed behind a command: each takes what is its own.
struct Typed {
  std::string config_file;
  std::map<std::string, std::string> settings;  // those that a flag gave, by name
  RemoteWords server;
  WorkerStart worker;
  RunStart run;
  bool remote = false;
  RemoteRun how;
  TaskRun task_run;
  TaskWords task;
  RunsWords runs;
  ResultWords result;
  std::string which_run;
  bool follow = false;
  DownloadWords download;
  CostWords cost;
  CostsWords costs;
  EstimateWords estimate;
  WorkflowWords workflow;
  ShowWorkflow workflow_shown;
  RunWorkflow workflow_run;
  ResumeWorkflow workflow_resumed;
  MachinesWords machines;
  std::vector<std::string> login;
  bool token_stdin = false;
  std::int64_t most = kListed;
  std::string user;
  std::string url;
  std::string shell;
  std::vector<std::string> topic;
  ConfigFormat format = ConfigFormat::table;
  const CLI::App* program = nullptr;
};

// Where a command does its work; says which flags all of that place have. `operators`: here, for
// who runs the server, and by ./mecapy.toml when there is one.
enum class Place : std::uint8_t { nowhere, here, operators, server };

struct CommandRow {
  std::string_view words;  // "task create"
  std::string_view group;  // in help; of "task create" that of "task"
  std::string_view meaning;
  std::string_view examples;  // lines, without an end
  std::string_view json;      // what --json prints; "": it has no such flag
  Place place;
  void (*set_up)(CLI::App&, Typed&);  // its flags and operands
  int (*act)(const config::Loaded&, const Typed&);
};

const std::vector<CommandRow>& command_table();

// The program's parser, with all commands of the table; what is typed goes into `typed`.
void build_program(CLI::App& program, Typed& typed);
// The row of the command that was typed.
const CommandRow& typed_command(const CLI::App& program);

// The parser as what shells and documents are made from.
cli::CommandWords describe(const CLI::App& program);

// completion_command.cc: prints the script of the shell that was typed, or what such a script
// offers: tasks or runs of the server that is called here, one a line, with a tab before its
// description.
int complete(const config::Settings& settings, const Typed& typed);

// help_topics.cc: what `mecapy help` tells beside commands.
struct Topic {
  std::string_view name;
  std::string_view meaning;
  std::string (*text)(const CLI::App& program);
};
const std::vector<Topic>& topic_table();

// Prints the help of a command or a topic, or says that there is none; the exit status.
int tell_help(const CLI::App& program, const std::vector<std::string>& words);

// "; did you mean X?", or "; " and `otherwise`.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& known,
                         const std::string& otherwise);

}  // namespace mecapy::main
