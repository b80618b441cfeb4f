// The parts that settings choose: embedded ones, or the services in their place.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "config/settings.h"
#include "store/store.h"

namespace mecapy::main {

// The database at database.url, or a file in the data folder.
Result<std::unique_ptr<store::Store>> open_store(const config::Settings& settings,
                                                 std::shared_ptr<const base::Clock> clock);

// Whether other processes may claim in the same database.
bool shares_store(const config::Settings& settings);

}  // namespace mecapy::main
