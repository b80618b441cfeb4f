// The ids of the domain.
#pragma once

#include "base/id.h"

namespace mecapy::model {

struct TaskTag;
struct RunTag;
struct MachineTag;
using TaskId = base::Id<TaskTag>;
using RunId = base::Id<RunTag>;
using MachineId = base::Id<MachineTag>;

}  // namespace mecapy::model
