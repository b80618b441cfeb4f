// What Slurm's programs say, and what it means to a placer. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "clouds/placer.h"

namespace mecapy::clouds {

// A job as `scontrol --oneliner show job` tells it.
struct SlurmJob {
  std::string id;
  std::string name;
  std::string state;   // "RUNNING"
  std::string reason;  // "None", "Resources", "JobLaunchFailure"
  std::string exit;    // "0:9": exit status and signal
};
// Nothing for a line that is none.
std::optional<SlurmJob> read_slurm_job(std::string_view line);

// A state word that nobody knows counts as running: what is not known to have ended has not.
Sight slurm_sight(const SlurmJob& job);

// What is wrong, by what a program of Slurm's wrote to its standard error when it failed.
Trouble slurm_trouble(std::string_view errors);

// The time limit that Slurm, which knows minutes only, is given for `life`.
std::string slurm_minutes(std::chrono::seconds life);

}  // namespace mecapy::clouds
