// The placer of this machine, as settings have it.
#pragma once

#include "base/result.h"
#include "clouds/local.h"
#include "config/settings.h"

namespace mecapy::main {

// usage where no worker may be started here, or the graphics processors are not there.
Result<void> check_local(const config::Settings& settings);
clouds::LocalOptions local_options(const config::Settings& settings);

}  // namespace mecapy::main
