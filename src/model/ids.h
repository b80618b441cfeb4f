// The ids of the domain.
#pragma once

#include "base/id.h"

namespace mecapy::model {

struct TaskTag;
struct RunTag;
using TaskId = base::Id<TaskTag>;
using RunId = base::Id<RunTag>;

}  // namespace mecapy::model
