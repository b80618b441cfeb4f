// The command line: what is typed becomes settings and one command.
#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/log.h"
#include "main/command_table.h"
#include "main/complain.h"

namespace {

using namespace mecapy;

// What is to be said when a word in the place of a command is none; the exit status then.
std::optional<int> look_at_commands(const CLI::App& program, int argc, char** argv) {
  const CLI::App* app = &program;
  std::string path = program.get_name();
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    const auto inner = app->get_subcommands([](const CLI::App*) { return true; });
    if (inner.empty()) return std::nullopt;
    const std::string word = argv[i];
    const auto found = std::ranges::find(inner, word, [](const auto* a) { return a->get_name(); });
    if (found == inner.end()) {
      std::vector<std::string> known;
      for (const CLI::App* one : inner) known.push_back(one->get_name());
      return main::complain(
          fail(ErrorCode::usage,
               "unknown command \"" + word + "\"" +
                   main::did_you_mean(word, known, path + " --help lists the commands")));
    }
    app = *found;
    path += " " + word;
  }
  return std::nullopt;
}

// The command that was typed, as far as there is one.
struct Innermost {
  explicit Innermost(const CLI::App& program) : app(&program), path(program.get_name()) {
    while (!app->get_subcommands().empty()) {
      app = app->get_subcommands().front();
      path += " " + app->get_name();
    }
  }
  const CLI::App* app;
  std::string path;  // "mecapy task run"
};

// Says what is wrong with the words of a command; of one that has others within, which they are.
int complain_about(const CLI::App& program, const CLI::ParseError& error) {
  const auto [app, path] = Innermost(program);
  if (!app->get_subcommands([](const CLI::App*) { return true; }).empty()) {
    const auto formatter = program.get_formatter();
    std::fputs(formatter->make_help(app, path, CLI::AppFormatMode::Normal).c_str(), stderr);
    return base::row(ErrorCode::usage).exit_code;
  }
  return main::complain(
      fail(ErrorCode::usage, error.what() + ("; " + path + " --help tells more")));
}

// Says which word of the command was not expected, and which flag is near.
int complain_about_words(const CLI::App& program) {
  const auto [app, path] = Innermost(program);
  std::vector<std::string> known;
  for (const CLI::Option* option : app->get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  const std::vector<std::string> words = program.remaining(true);
  if (words.empty()) {
    return main::complain(
        fail(ErrorCode::usage, "some words were not expected; see " + path + " --help"));
  }
  const auto flag = std::ranges::find_if(words, [](const auto& w) { return w.starts_with("-"); });
  const std::string help = path + " --help tells what is";
  if (flag == words.end() && words.front().find('=') != std::string::npos) {
    return main::complain(fail(ErrorCode::usage, "\"" + words.front() +
                                                     "\" was not expected; each input has an -i "
                                                     "of its own, each limit an -l"));
  }
  if (flag == words.end()) {
    return main::complain(
        fail(ErrorCode::usage, "\"" + words.front() + "\" was not expected; " + help));
  }
  const std::string name = flag->substr(0, flag->find('='));
  return main::complain(
      fail(ErrorCode::usage, "unknown flag " + name + main::did_you_mean(name, known, help)));
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
  CLI::App program{
      "MecaPy runs engineers' Python calculations, isolated, and says honestly how they ended.",
      "mecapy"};
  main::Typed typed;
  program.set_version_flag("--version", MECAPY_VERSION);
  main::build_program(program, typed);
  program.footer(
      "The shortest way to a number:\n"
      "  mecapy run calc.py -i force=1000 -i section=10\n\n"
      "mecapy help COMMAND tells more, and mecapy help exit-codes what the exit status says.");
  if (const auto status = look_at_commands(program, argc, argv)) return *status;
  try {
    program.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    return complain_about_words(program);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() != 0) return complain_about(program, e);
    program.exit(e);  // --help, --version
    return 0;
  }
  const main::CommandRow& command = main::typed_command(program);
  auto loaded =
      config::load({typed.config_file, config::process_environment(), typed.settings,
                    command.place == main::Place::operators ? config::LocalFile::read
                                                            : config::LocalFile::ignored});
  if (!loaded) return main::complain(loaded.error());
  set_up_log(loaded->settings, std::string(command.words));
  const int status = command.act(*loaded, typed);
  const bool serves = command.words == "serve" || command.words == "worker";
  if (serves || (std::fflush(stdout) == 0 && std::ferror(stdout) == 0)) return status;
  const int lost = main::complain(fail(ErrorCode::storage, "standard output cannot be written"));
  return status == 0 ? lost : status;
}
