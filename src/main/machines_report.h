// What doctor says of machines.
#pragma once

#include <string>

#include "config/settings.h"

namespace mecapy::main {

// Machines that are there, their age and cost; whether each placer answers; what could not be
// removed. Asks the database beside a `serve` that has it, and the placers that need no process
// here. False when something is wrong.
bool tell_of_machines(const config::Settings& settings);

}  // namespace mecapy::main
