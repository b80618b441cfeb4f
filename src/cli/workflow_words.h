// What a workflow's file must say, for who writes it by hand.
#pragma once

#include <string>

#include "cli/workflow_file.h"

namespace mecapy::cli {

// What to write at `pointer` of a YAML file, where something stands that is no object and must be
// one: of 0.85 {value: 0.85}, of verdict.too_thin {node: verdict, at: /too_thin}.
std::string object_instead(const WorkflowFile& file, const std::string& pointer);

}  // namespace mecapy::cli
