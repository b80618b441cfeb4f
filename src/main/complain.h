// What a command of any kind says when it cannot go on, or doubts.
#pragma once

#include <sys/types.h>

#include "base/result.h"

namespace mecapy::main {

// Prints an Error to stderr, or logs it where the log is JSON; its exit status.
int complain(const Error& error);
// Says on stderr what doubt_about_user (process.h) finds.
void warn_about_user(uid_t uid);

}  // namespace mecapy::main
