#include "main/complain.h"

#include <cstdio>

#include "base/log.h"
#include "cli/text.h"
#include "main/process.h"

namespace mecapy::main {

int complain(const Error& error) {
  if (base::log_format() == base::LogFormat::json) {
    base::log_error("the command failed",
                    {{"code", base::row(error.code).name}, {"error", error.message}});
    return base::row(error.code).exit_code;
  }
  std::fprintf(stderr, "mecapy: %s\n", cli::harmless(error.message).c_str());
  for (const FieldProblem& problem : error.problems) {
    if (error.message.find(problem.detail) != std::string::npos) continue;  // said already
    std::fprintf(stderr, "  %s: %s\n", cli::harmless_line(problem.pointer).c_str(),
                 cli::harmless_line(problem.detail, 2000).c_str());
  }
  return base::row(error.code).exit_code;
}

void warn_about_user(uid_t uid) {
  const std::string doubt = doubt_about_user(uid);
  if (doubt.empty()) return;
  if (base::log_format() == base::LogFormat::json) {
    base::log_warn("the user who serves the data folder is doubtful", {{"why", doubt}});
  } else {
    std::fprintf(stderr, "mecapy: warning: %s\n", doubt.c_str());
  }
}

}  // namespace mecapy::main
