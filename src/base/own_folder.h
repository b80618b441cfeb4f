// Folders of files that are trusted because nobody else can have put them there.
#pragma once

#include <string>

#include "base/result.h"

namespace mecapy::base {

// Whether nobody but this user (and root) can exchange what is below the folder at `path`, an
// absolute one: it is a folder and no link, this user's, writable by nobody else; and each folder
// and link on the way to it is this user's or root's, and no folder there may be written by others,
// unless it is sticky (as /tmp). not_found when something is not there; storage when it cannot be
// looked at; usage, with the path and what is wrong, else. What it says stays true: who could make
// it false is this user or root.
Result<void> check_own_folder(const std::string& path);

}  // namespace mecapy::base
