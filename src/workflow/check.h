// What is wrong with a definition before it runs: all at once (base/problems.h), each with its
// place.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/look.h"
#include "model/workflow.h"

namespace mecapy::workflow {

// Of the code of a task and a version of it (0: the latest); nothing where there is no such task.
using TaskLookup =
    std::function<std::optional<model::CodeFacts>(const std::string& task, int version)>;

// Of all nodes together.
inline constexpr std::size_t kMostNodeInputs = 20'000;

// In the order of the definition. Pointers are into its JSON, where inputs, nodes and outputs are
// objects by name: "/nodes/preload/inputs/torque".
std::vector<base::FieldProblem> check(const model::Workflow& definition, const TaskLookup& tasks);

}  // namespace mecapy::workflow
