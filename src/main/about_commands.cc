// doctor, config, token: commands that tell and change little.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "auth/auth.h"
#include "backends/addresses.h"
#include "base/log.h"
#include "cli/text.h"
#include "main/commands.h"
#include "main/data_folder.h"
#include "main/parts.h"
#include "main/process.h"
#include "wire/json.h"

namespace mecapy::main {
namespace {

std::string_view state_name(sandbox::Layer::State state) {
  static constexpr std::string_view kNames[] = {"enforced", "refused by the host", "missing",
                                                "could not tell"};
  return kNames[static_cast<std::size_t>(state)];
}

void tell_doubt(uid_t uid) {
  const std::string doubt = doubt_about_user(uid);
  if (!doubt.empty()) std::printf("  -> %s\n", doubt.c_str());
}

// How many tokens the file (lines "hash user") has of the user.
std::ptrdiff_t tokens_of(const std::string& path, const std::string& user) {
  std::ifstream file(path);
  std::ptrdiff_t count = 0;
  for (std::string line; std::getline(file, line);) count += line.ends_with(" " + user) ? 1 : 0;
  return count;
}

// Whether all runs at once find the memory that they may ask for; advice when not.
void tell_of_memory(const config::Settings& settings) {
  const double wanted = concurrency(settings) * settings.ceilings.memory_mb +
                        static_cast<double>(settings.worker_zygotes_mb);
  const double there = memory_of_machine_mb();
  if (there <= 0 || wanted <= there) return;
  std::printf(
      "memory: %d runs of up to %g MiB and the zygotes' %lld MiB are %g MiB, here are %.0f MiB\n"
      "  -> memory: a run may be killed before it reaches its limit, and is then told as crashed: "
      "lower "
      "limits.max_memory_mb or worker.concurrency\n",
      concurrency(settings), settings.ceilings.memory_mb,
      static_cast<long long>(settings.worker_zygotes_mb), wanted, there);
}

// Tells of the data folder; changes nothing when it is not there yet.
bool data_folder_fine(const config::Settings& settings) {
  const char* path = settings.data_dir.c_str();
  if (::access(path, F_OK) != 0) {
    if (auto can = can_make_data_dir(settings); !can) {
      std::printf("data folder %s: %s\n", path, can.error().message.c_str());
      return false;
    }
    std::printf("data folder %s: not there yet, serve makes it\n", path);
    if (::geteuid() == 0) tell_doubt(static_cast<uid_t>(settings.server_run_as_uid));
    return true;
  }
  const auto owner = prepare_data_dir(settings);
  std::printf("data folder %s: %s\n", path, owner ? "ok" : owner.error().message.c_str());
  if (owner) tell_doubt(*owner);
  return owner.has_value();
}

}  // namespace

int complain(const Error& error) {
  if (base::log_format() == base::LogFormat::json) {
    base::log_error("the command failed",
                    {{"code", base::row(error.code).name}, {"error", error.message}});
    return base::row(error.code).exit_code;
  }
  std::fprintf(stderr, "mecapy: %s\n", cli::harmless(error.message).c_str());
  for (const FieldProblem& problem : error.problems) {
    if (error.message.find(problem.detail) != std::string::npos) continue;  // said already
    std::fprintf(stderr, "  %s: %s\n", cli::harmless_line(problem.pointer).c_str(),
                 cli::harmless_line(problem.detail, 2000).c_str());
  }
  return base::row(error.code).exit_code;
}

void warn_about_user(uid_t uid) {
  const std::string doubt = doubt_about_user(uid);
  if (doubt.empty()) return;
  if (base::log_format() == base::LogFormat::json) {
    base::log_warn("the user who serves the data folder is doubtful", {{"why", doubt}});
  } else {
    std::fprintf(stderr, "mecapy: warning: %s\n", doubt.c_str());
  }
}

namespace {

// Where runs go to workers elsewhere, nothing is isolated here.
int doctor_of_an_api(const config::Settings& settings) {
  const auto addresses = backends::parse_addresses(settings.worker_url);
  if (!addresses) return complain(addresses.error());
  for (const backends::Address& address : *addresses) {
    std::printf("worker at %s: up to %d runs at once; doctor there tells of its isolation\n",
                address.url.c_str(), address.capacity);
  }
  const bool fine = data_folder_fine(settings);
  std::printf("serve %s send runs to workers elsewhere; none runs here.\n",
              fine ? "can" : "cannot");
  return fine ? 0 : base::row(ErrorCode::sandbox).exit_code;
}

}  // namespace

int doctor(const config::Settings& settings) {
  if (works_elsewhere(settings)) return doctor_of_an_api(settings);
  std::vector<std::vector<std::string>> rows = {{"LAYER", "STATE", "NEEDED", "SEEN"}};
  std::vector<std::string> advice;
  bool fine = true;
  const sandbox::Options options = sandbox_options(settings);
  const sandbox::ProfileRow& profile = sandbox::profile_row(options.profile);
  std::printf("profile %s: %s\n\n", std::string(profile.name).c_str(),
              std::string(profile.meaning).c_str());
  for (const sandbox::Layer& layer : sandbox::probe_layers(options)) {
    const bool enforced = layer.state == sandbox::Layer::State::enforced;
    if (layer.required && !enforced) fine = false;
    rows.push_back({layer.name, std::string(state_name(layer.state)),
                    layer.required ? "required" : "optional", layer.detail});
    if (!layer.advice.empty()) advice.push_back(layer.name + ": " + layer.advice);
  }
  std::fputs(cli::table(rows).c_str(), stdout);
  if (::geteuid() != 0 && options.profile == sandbox::Profile::host && !fine) {
    // What else is refused follows from it; other advice would weaken the machine for nothing.
    advice = {
        "start as root: serve and worker give it up themselves, the part that makes sandboxes "
        "keeps the capabilities it needs"};
  }
  for (const std::string& line : advice) std::printf("  -> %s\n", line.c_str());
  tell_of_memory(settings);
  fine = data_folder_fine(settings) && fine;
  const std::string of = " in the profile " + std::string(profile.name);
  std::printf("This machine %s run calculations safely%s%s\n", fine ? "can" : "cannot", of.c_str(),
              fine ? "." : ": serve, worker and run refuse.");
  return fine ? 0 : base::row(ErrorCode::sandbox).exit_code;
}

int show_config(const config::Loaded& loaded, ConfigFormat format) {
  std::vector<std::vector<std::string>> rows = {
      {"SETTING", "VALUE", "FROM", "DEFAULT", "TYPE", "ENVIRONMENT", "MEANING"}};
  std::vector<std::string> items;
  const config::Settings defaults;
  for (const config::SettingRow& row : config::setting_table()) {
    const auto origin = loaded.origin.find(row.name);
    const std::string from = origin == loaded.origin.end() ? "default" : origin->second;
    const std::string value = config::shown(row, loaded.settings);
    const std::string usual =
        row.name == "data_dir" ? config::default_data_dir() : config::shown(row, defaults);
    rows.push_back({row.name, value.empty() ? "-" : value, from, usual.empty() ? "-" : usual,
                    std::string(row.type()), row.environment(), row.meaning});
    items.push_back(std::move(wire::ObjectWriter()
                                  .text("name", row.name)
                                  .text("value", value)
                                  .text("from", from)
                                  .text("default", usual)
                                  .text("type", row.type())
                                  .text("environment", row.environment())
                                  .text("meaning", row.meaning))
                        .finish());
  }
  if (format == ConfigFormat::table) {
    for (auto& row : rows) row.resize(3);
  }
  std::fputs(format == ConfigFormat::json ? (wire::array_of(items) + "\n").c_str()
                                          : cli::table(rows).c_str(),
             stdout);
  if (format == ConfigFormat::table) {
    std::puts("mecapy config --all adds defaults, types, variables and meanings.");
  }
  return 0;
}

int add_token(const config::Settings& settings, const std::string& user) {
  auto owner = prepare_data_dir(settings);
  if (!owner) return complain(owner.error());
  if (auto dropped = become(*owner); !dropped) return complain(dropped.error());
  const std::string path = DataFolder{settings.data_dir}.tokens();
  const std::ptrdiff_t earlier = tokens_of(path, user);
  auto token = auth::add_user(path, user);
  if (!token) return complain(token.error());
  if (earlier > 0) {
    std::fprintf(stderr,
                 "mecapy: %s has %td earlier token%s, valid as before; to revoke one, delete its "
                 "line in %s (the oldest is first)\n",
                 user.c_str(), earlier, earlier == 1 ? "" : "s", path.c_str());
  }
  std::printf("%s\n", token->c_str());
  return 0;
}

}  // namespace mecapy::main
