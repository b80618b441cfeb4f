// doctor.
#include <unistd.h>

#include <cstdio>

#include "backends/addresses.h"
#include "cli/text.h"
#include "main/commands.h"
#include "main/complain.h"
#include "main/machines_report.h"
#include "main/parts.h"
#include "main/process.h"

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

// Where runs go to workers elsewhere, nothing is isolated here.
int doctor_of_an_api(const config::Settings& settings) {
  const auto addresses = backends::parse_addresses(settings.worker_url);
  if (!addresses) return complain(addresses.error());
  for (const backends::Address& address : *addresses) {
    std::printf("worker at %s: up to %d runs at once; doctor there tells of its isolation\n",
                address.url.c_str(), address.capacity);
  }
  const bool fine = data_folder_fine(settings);
  const bool machines = tell_of_machines(settings);
  std::printf("serve %s send runs to workers elsewhere; none runs here.\n",
              fine ? "can" : "cannot");
  if (!fine) return base::row(ErrorCode::sandbox).exit_code;
  return machines ? 0 : base::row(ErrorCode::unavailable).exit_code;
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
  const bool machines = tell_of_machines(settings);
  const std::string of = " in the profile " + std::string(profile.name);
  std::printf("This machine %s run calculations safely%s%s\n", fine ? "can" : "cannot", of.c_str(),
              fine ? "." : ": serve, worker and run refuse.");
  if (!fine) return base::row(ErrorCode::sandbox).exit_code;
  return machines ? 0 : base::row(ErrorCode::unavailable).exit_code;
}

}  // namespace mecapy::main
