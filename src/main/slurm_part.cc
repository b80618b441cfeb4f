#include "main/slurm_part.h"

#include <cmath>
#include <utility>

namespace mecapy::main {

clouds::SlurmOptions slurm_options(const config::Settings& settings, std::string installation) {
  clouds::SlurmOptions options;
  options.installation = std::move(installation);
  options.folder = settings.machines_slurm_folder;
  options.worker = settings.machines_slurm_worker;
  options.config = settings.machines_slurm_config;
  options.partition = settings.machines_slurm_partition;
  options.account = settings.machines_slurm_account;
  options.constraint = settings.machines_slurm_constraint;
  options.cpus = static_cast<int>(settings.machines_slurm_cpus);
  options.memory_mb = settings.machines_slurm_memory_mb;
  options.gpus = static_cast<int>(settings.machines_slurm_gpus);
  options.beside_mb = settings.machines_slurm_beside_mb;
  options.queue = std::chrono::seconds(std::llround(settings.machines_slurm_queue_s));
  return options;
}

}  // namespace mecapy::main
