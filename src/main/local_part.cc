#include "main/local_part.h"

#include "main/data_folder.h"
#include "main/process.h"

namespace mecapy::main {

Result<void> check_local(const config::Settings& settings) {
  if (!settings.worker_url.empty()) {
    return fail(ErrorCode::usage,
                "machines.placers: local starts workers here, and with worker.url nothing here "
                "may: take one of them away");
  }
  if (settings.machines_local_gpus > 0) {
    sandbox::Options options = sandbox_options(settings);
    options.gpu_devices = gpu_devices(settings.machines_local_gpus);
    if (auto there = sandbox::check_devices(options); !there) {
      return fail(ErrorCode::usage, "machines.local_gpus: " + there.error().message);
    }
  }
  return {};
}

clouds::LocalOptions local_options(const config::Settings& settings) {
  return {DataFolder{settings.data_dir}.machines(), static_cast<int>(settings.machines_local_cpus),
          settings.machines_local_memory_mb, static_cast<int>(settings.machines_local_gpus)};
}

}  // namespace mecapy::main
