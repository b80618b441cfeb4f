// The placer of a Slurm cluster: each "machine" is a batch job, and its worker a process on the
// node that Slurm chose.
//
// A job is known by its name, "mecapy-INSTALLATION-MACHINE", also when nobody kept its number. What
// it needs is in a folder of its own, INSTALLATION/MACHINE below `folder`, which the nodes share:
// the script, the token (mode 0600), what the worker said, and, when it has ended, its exit status.
// Jobs and folders are the parts that list() tells.
//
// Slurm's programs are called as they are, without a shell; they see PATH and SLURM_CONF of this
// process, and nothing else of it. Jobs belong to the user of this process.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "clouds/placer.h"

namespace mecapy::clouds {

struct SlurmOptions {
  std::string installation;  // letters, digits and '-'
  std::string folder;        // absolute, the same here and on the nodes
  std::string worker;        // path of `mecapy` on the nodes
  std::string config;        // on the nodes: the workers' settings; "": none
  std::string partition;     // "": the cluster's default; so are the next two
  std::string account;
  std::string constraint;
  int cpus = 1;  // the largest run
  std::int64_t memory_mb = 2048;
  int gpus = 0;
  std::int64_t beside_mb = 512;        // of a job's memory: the worker, beside its run
  std::chrono::seconds queue{86'400};  // a job may wait
  std::chrono::seconds leave{10};      // a worker whose run is over may take to end by itself
};

// usage for what cannot work: Slurm's programs are not on PATH, this user has no name, a path is
// none, or somebody else could exchange what is in the folder (base/own_folder.h). Asks no daemon.
Result<void> check_slurm(const SlurmOptions& options);

std::vector<Offer> slurm_offers(const SlurmOptions& options);

std::unique_ptr<Placer> make_slurm(SlurmOptions options);

}  // namespace mecapy::clouds
