// The ids of the domain.
#pragma once

#include "base/id.h"

namespace mecapy::model {

struct TaskTag;
struct RunTag;
struct MachineTag;
struct WorkflowTag;
struct WorkflowRunTag;
using TaskId = base::Id<TaskTag>;
using RunId = base::Id<RunTag>;
using MachineId = base::Id<MachineTag>;
using WorkflowId = base::Id<WorkflowTag>;
using WorkflowRunId = base::Id<WorkflowRunTag>;

}  // namespace mecapy::model
