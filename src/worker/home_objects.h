// The objects of a worker on a machine of its own: they go home, piece by piece; large
// ones by links that home gives, as long as those work. Only what an
// attempt needs is there: its inputs can be read, its own objects written.
#pragma once

#include <memory>
#include <string>

#include "objects/objects.h"
#include "worker/home_calls.h"

namespace mecapy::worker {

// `calls` must outlive it. What is written waits in a file without a name in `spool_folder`;
// deadlines of its calls are home's patience. read() begins at 0. Everything else that an object
// store does is internal.
std::unique_ptr<objects::ObjectStore> make_home_objects(HomeCalls& calls, std::string spool_folder);

}  // namespace mecapy::worker
