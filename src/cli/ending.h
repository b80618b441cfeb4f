// How a run ended, for who asked for it: what it used, what it left, and of one that failed the
// author's lines and whose fault it was. Lines are ended, and harmless.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/outcome.h"
#include "model/run.h"

namespace mecapy::cli {

// One line: times and memory.
std::string usage_text(const model::Usage& usage);

// One line: a file that was left, and how it is kept.
std::string artifact_text(const std::string& name, std::int64_t bytes, const std::string& kept_by);

// Several lines: the traceback with `file` in the place of the name that a run knows its code by,
// then the code, the line and the message.
std::string failure_text(const model::Failure& failure, const std::string& file);

// `text` of a log with `file` in the warnings of Python's, which begin with the name that a run
// knows its code by.
std::string with_file_in_warnings(std::string text, const std::string& file);

// The line of `code` that a problem of invalid_code points to, with its place marked; "" when it
// names none.
std::string marked_line(const std::string& code, const std::string& file,
                        const FieldProblem& problem);

}  // namespace mecapy::cli
