// A run that failed, for its author: his lines, and whose fault it was.
#pragma once

#include <string>

#include "base/result.h"
#include "model/outcome.h"

namespace mecapy::cli {

// Several lines, harmless, each ended: the traceback with `file` in the place of the name that a
// run knows its code by, then the code, the line and the message, then what to do when there is
// something.
std::string failure_text(const model::Failure& failure, const std::string& file);

// The line of `code` that a problem of invalid_code points to, with its place marked; "" when it
// names none.
std::string marked_line(const std::string& code, const std::string& file,
                        const FieldProblem& problem);

}  // namespace mecapy::cli
