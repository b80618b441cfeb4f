// A run that has ended, as processes of ours keep it for each other: all that is told of it, but
// not its inputs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/run.h"

namespace mecapy::wire {

std::string run_record(const model::Run& run);
// Nothing for what is no such record.
std::optional<model::Run> read_run_record(std::string_view text);

}  // namespace mecapy::wire
