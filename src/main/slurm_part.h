// The placer of a Slurm cluster, as settings have it.
#pragma once

#include <string>

#include "clouds/slurm.h"
#include "config/settings.h"

namespace mecapy::main {

// `installation` is the same for all processes on the same store, and nobody else's.
clouds::SlurmOptions slurm_options(const config::Settings& settings, std::string installation);

}  // namespace mecapy::main
