// A folder that a run could write: measured and emptied without following a link, however it was
// left.
#pragma once

#include "sandbox/protocol.h"

namespace mecapy::sandbox {

// What lies below `folder`: bytes on disk, and files and folders. Looks no further once one of
// `bounds` is passed; folders nested too deep to look into count as past all bounds, as do those
// that stay closed. What its owner closed to himself is opened for the look and closed again.
DiskBounds measure_folder(int folder, const DiskBounds& bounds);

// Removes everything below `folder`. False when something could not be removed.
bool empty_folder(int folder);

}  // namespace mecapy::sandbox
