// What the kernel knows of this process, under the names Prometheus has for it.
#pragma once

#include "metrics/metrics.h"

namespace mecapy::metrics {

// Figures that cannot be read are left out.
void process_figures(Figures& figures);

}  // namespace mecapy::metrics
