// The command line: what is typed becomes settings and one command.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>

#include "base/log.h"
#include "base/nearest.h"
#include "main/commands.h"

namespace {

using namespace mecapy;

// Flags that stand for settings; only those given are kept.
struct Flags {
  std::string config_file;
  std::map<std::string, std::string> values;  // by setting name

  void add(CLI::App& app, const std::string& flag, const std::string& setting,
           const std::string& help) {
    app.add_option_function<std::string>(
        flag, [this, setting](const std::string& value) { values[setting] = value; }, help);
  }
  void add_common(CLI::App& app) {
    app.add_option("--config", config_file, "settings file; ./mecapy.toml when there is one");
    add(app, "--data-dir", "data_dir", "folder of the database, the objects and the token");
    add(app, "--log-level", "log_level", "debug, info, warn or error");
    add(app, "--log-format", "log_format", "text or json");
  }
};

// What was typed: one command and what it needs.
struct CommandLine {
  CLI::App app{
      "MecaPy runs engineers' Python calculations, isolated, and says honestly how they ended.",
      "mecapy"};
  Flags flags;
  main::WorkerStart worker;
  main::RunStart run;
  std::string user;
  std::string url;
  main::ConfigFormat format = main::ConfigFormat::table;
  // The command that was typed, with the settings in force.
  std::function<int(const config::Loaded&)> act;

  CommandLine() {
    app.set_version_flag("--version", MECAPY_VERSION);
    app.require_subcommand(1);
    add_serve();
    add_worker();
    add_run();
    add_doctor();
    add_config();
    add_token();
    add_health();
  }
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

 private:
  CLI::App& add(const char* name, const char* help,
                std::function<int(const config::Loaded&)> command) {
    CLI::App& sub = *app.add_subcommand(name, help);
    flags.add_common(sub);
    sub.callback([this, command = std::move(command)] { act = command; });
    return sub;
  }

  void add_profile(CLI::App& sub) {
    flags.add(sub, "--profile", "worker.profile", "isolation of runs: host or container");
  }

  void add_serve() {
    CLI::App& sub = add("serve", "API, dispatcher and a local worker",
                        [](const auto& loaded) { return main::serve(loaded.settings); });
    flags.add(sub, "--host", "server.host", "IP address to listen on");
    flags.add(sub, "--port", "server.port", "port to listen on; 0 picks a free one");
    add_profile(sub);
  }

  void add_worker() {
    CLI::App& sub =
        add("worker", "the container's program: POST /execute, GET /health",
            [this](const auto& loaded) { return main::worker(loaded.settings, worker); });
    flags.add(sub, "--host", "worker.host", "IP address to listen on");
    sub.add_option("--port", worker.port, "port to listen on");
    add_profile(sub);
    sub.add_option("--socket", worker.socket, "listen on this Unix socket instead");
    sub.add_option("--pulse-fd", worker.pulse_fd)->group("");
    sub.add_option("--run-as", worker.run_as)->group("");
  }

  void add_run() {
    CLI::App& sub =
        add("run", "one calculation, now, in the sandbox, no server",
            [this](const auto& loaded) { return main::run_file(loaded.settings, run); });
    sub.add_option("file", run.file, "Python file that defines calculate(inputs)")->required();
    sub.add_option("-i,--inputs", run.inputs, "name=value (JSON or text) or @file.json; repeatable")
        ->take_all();
    sub.add_option("-l,--limit", run.limits, "name=value, such as timeout_s=10; repeatable")
        ->take_all();
    sub.add_option("-o,--output", run.output, "folder to keep artifacts in");
    add_profile(sub);
  }

  void add_doctor() {
    CLI::App& sub = add("doctor", "which isolation layers work here, and what to do",
                        [](const auto& loaded) { return main::doctor(loaded.settings); });
    add_profile(sub);
  }

  void add_config() {
    CLI::App& sub = add("config", "every setting, its value and where it came from",
                        [this](const auto& loaded) { return main::show_config(loaded, format); });
    sub.add_flag_callback(
        "--all", [this] { format = main::ConfigFormat::all; },
        "also its default, type, variable and meaning");
    sub.add_flag_callback(
        "--json", [this] { format = main::ConfigFormat::json; }, "for programs");
  }

  void add_token() {
    CLI::App& sub =
        add("token", "a new token for a user, printed once",
            [this](const auto& loaded) { return main::add_token(loaded.settings, user); });
    sub.add_option("user", user, "name of the user")->required();
  }

  void add_health() {
    CLI::App& sub = add("health", "asks a server how it is; exit status 0: well",
                        [this](const auto&) { return main::health(url); });
    sub.add_option("url", url, "such as http://127.0.0.1:8080, of which /health/ready is asked")
        ->required();
  }
};

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known,
                         const std::string& otherwise) {
  const std::string near = base::nearest(word, {known.begin(), known.end()});
  return near.empty() ? "; " + otherwise : "; did you mean " + near + "?";
}

// What is to be said when the first word is no command; the exit status when that ends it.
std::optional<int> look_at_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return std::nullopt;
  const std::string word = argv[1];
  if (word == "help" && argc == 2) {
    std::fputs(app.help().c_str(), stdout);
    return 0;
  }
  const std::string typed = word == "help" ? argv[2] : word;
  std::vector<std::string> known;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    known.push_back(sub->get_name());
    if (sub->get_name() != typed) continue;
    if (word != "help") return std::nullopt;
    std::fputs(sub->help(app.get_name()).c_str(), stdout);
    return 0;
  }
  return main::complain(
      fail(ErrorCode::usage, "unknown command \"" + typed + "\"" +
                                 did_you_mean(typed, known, "mecapy --help lists the commands")));
}

// Says which word of the command was not expected, and which flag is near.
int complain_about_words(const CLI::App& app) {
  for (const CLI::App* sub : app.get_subcommands()) {
    std::vector<std::string> known;
    for (const CLI::Option* option : sub->get_options()) {
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    }
    const std::vector<std::string> words = sub->remaining();
    if (words.empty()) continue;
    const auto flag = std::ranges::find_if(words, [](const auto& w) { return w.starts_with("-"); });
    const std::string help = "mecapy " + sub->get_name() + " --help tells what is";
    if (flag == words.end()) {
      return main::complain(
          fail(ErrorCode::usage, "\"" + words.front() + "\" was not expected; " + help));
    }
    const std::string name = flag->substr(0, flag->find('='));
    return main::complain(
        fail(ErrorCode::usage, "unknown flag " + name + did_you_mean(name, known, help)));
  }
  return main::complain(fail(ErrorCode::usage, "some words were not expected; see mecapy --help"));
}

// Only what serves has a log for programs: the other commands speak to a person.
void set_up_log(const config::Settings& settings, const std::string& command) {
  base::LogOptions options;
  options.level = base::log_level_named(settings.log_level);
  const bool serves = command == "serve" || command == "worker";
  if (serves && settings.log_format == "json") options.format = base::LogFormat::json;
  options.role = command == "serve" ? "launcher" : command;
  base::start_log(std::move(options));
}

}  // namespace

int main(int argc, char** argv) {
  CommandLine line;
  if (const auto status = look_at_command(line.app, argc, argv)) return *status;
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    return complain_about_words(line.app);
  } catch (const CLI::ParseError& e) {
    const bool asked = e.get_exit_code() == 0;  // --help, --version
    line.app.exit(e);
    return asked ? 0 : base::row(ErrorCode::usage).exit_code;
  }
  auto loaded =
      config::load({line.flags.config_file, config::process_environment(), line.flags.values});
  if (!loaded) return main::complain(loaded.error());
  set_up_log(loaded->settings, line.app.get_subcommands().front()->get_name());
  return line.act(*loaded);
}
