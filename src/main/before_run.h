// What is looked at before a run begins, here or at a server.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace mecapy::main {

// Artifacts are kept after a run that may be long: whether they can be is looked at before; the
// folder is made. usage.
Result<void> check_output(const std::string& output);

// Code that is to be sent: UTF-8, as JSON has no other. usage.
Result<std::string> code_to_send(const std::string& file);

// usage when code and inputs would both be read from standard input.
Result<void> check_standard_input(const std::string& file, const std::vector<std::string>& inputs);

// Says on stderr what is doubtful about typed inputs.
void warn_of_inputs(const std::vector<std::string>& inputs);

}  // namespace mecapy::main
