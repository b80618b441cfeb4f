// What is wrong with a definition before it runs: all at once (base/problems.h), each with its
// place.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
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

// What a run is given: inputs by name, JSON without space around it.
using Given = std::map<std::string, std::string_view>;

// Of inputs that nodes go through, or are wanted by: whether they are lists and truth values.
// Pointers are into the inputs: "/plot". Of very large ones that are pointed into again and again
// the run will tell.
std::vector<base::FieldProblem> check_given(const model::Workflow& definition, const Given& given);

}  // namespace mecapy::workflow
