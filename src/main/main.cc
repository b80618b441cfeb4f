// The command line: what is typed becomes settings and one command.
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>

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
  }
};

void set_up_log(const std::string& level) {
  auto logger = spdlog::stderr_color_st("mecapy");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  spdlog::set_default_logger(logger);
  spdlog::set_level(spdlog::level::from_str(level));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "MecaPy runs engineers' Python calculations, isolated, and says honestly how they ended.");
  app.set_version_flag("--version", MECAPY_VERSION);
  app.require_subcommand(1);
  Flags flags;
  main::WorkerStart worker;
  main::RunStart run;
  std::string user;
  bool as_json = false;

  CLI::App* serve = app.add_subcommand("serve", "API, dispatcher and a local worker");
  flags.add_common(*serve);
  flags.add(*serve, "--host", "server.host", "IP address to listen on");
  flags.add(*serve, "--port", "server.port", "port to listen on; 0 picks a free one");

  CLI::App* work =
      app.add_subcommand("worker", "the container's program: POST /execute, GET /health");
  flags.add_common(*work);
  flags.add(*work, "--host", "worker.host", "IP address to listen on");
  work->add_option("--port", worker.port, "port to listen on");
  work->add_option("--socket", worker.socket, "listen on this Unix socket instead");
  work->add_option("--pulse-fd", worker.pulse_fd)->group("");
  work->add_option("--run-as", worker.run_as)->group("");

  CLI::App* one = app.add_subcommand("run", "one calculation, now, in the sandbox, no server");
  flags.add_common(*one);
  one->add_option("file", run.file, "Python file that defines calculate(inputs)")->required();
  one->add_option("-i,--inputs", run.inputs, "name=value (JSON or text) or @file.json; repeatable")
      ->take_all();
  one->add_option("-l,--limit", run.limits, "name=value, such as timeout_s=10; repeatable")
      ->take_all();
  one->add_option("-o,--output", run.output, "folder to keep artifacts in");

  CLI::App* doctor =
      app.add_subcommand("doctor", "which isolation layers work here, and what to do");
  flags.add_common(*doctor);
  CLI::App* config =
      app.add_subcommand("config", "every setting, its value and where it came from");
  flags.add_common(*config);
  config->add_flag("--json", as_json, "for programs");
  CLI::App* token = app.add_subcommand("token", "a new token for a user, printed once");
  flags.add_common(*token);
  token->add_option("user", user, "name of the user")->required();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const bool asked = e.get_exit_code() == 0;  // --help, --version
    app.exit(e);
    return asked ? 0 : base::row(ErrorCode::usage).exit_code;
  }

  config::Sources sources{flags.config_file, config::process_environment(), flags.values};
  auto loaded = config::load(sources);
  if (!loaded) return main::complain(loaded.error());
  set_up_log(loaded->settings.log_level);
  if (*serve) return main::serve(loaded->settings);
  if (*work) return main::worker(loaded->settings, worker);
  if (*one) return main::run_file(loaded->settings, run);
  if (*doctor) return main::doctor(loaded->settings);
  if (*config) return main::show_config(*loaded, as_json);
  return main::add_token(loaded->settings, user);
}
