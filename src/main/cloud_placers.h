// The placers whose machines are in clouds, as settings have them.
#pragma once

#include <string>

#include "base/result.h"
#include "clouds/openstack.h"
#include "clouds/scaleway.h"
#include "config/settings.h"

namespace mecapy::main {

// usage for the first setting that it lacks or cannot work with.
Result<void> check_scaleway(const config::Settings& settings);
Result<void> check_openstack(const config::Settings& settings);

// Without types where their setting is none. `installation` as of slurm_options().
clouds::ScalewayOptions scaleway_options(const config::Settings& settings,
                                         const std::string& installation);
clouds::OpenstackOptions openstack_options(const config::Settings& settings,
                                           const std::string& installation);

}  // namespace mecapy::main
