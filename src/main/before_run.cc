#include "main/before_run.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/utf8.h"
#include "cli/inputs.h"

namespace mecapy::main {

namespace fs = std::filesystem;

Result<void> check_output(const std::string& output) {
  if (output.empty()) return {};
  std::error_code ec;
  fs::create_directories(output, ec);
  if (fs::exists(output) && !fs::is_directory(output)) {
    return fail(ErrorCode::usage, output + " is a file, not a folder");
  }
  if (ec) return fail(ErrorCode::usage, "cannot make the folder " + output + ": " + ec.message());
  if (::access(output.c_str(), W_OK | X_OK) != 0) {
    return fail(ErrorCode::usage, "cannot write into the folder " + output);
  }
  return {};
}

Result<std::string> code_to_send(const std::string& file) {
  auto code = cli::read_code(file);
  if (!code) return code;
  for (std::string_view rest = *code; !rest.empty();) {
    const int length = base::utf8_length(rest);
    if (length < 1) return fail(ErrorCode::usage, file + " is not UTF-8");
    rest.remove_prefix(static_cast<std::size_t>(length));
  }
  return code;
}

Result<void> check_standard_input(const std::string& file, const std::vector<std::string>& inputs) {
  if (file != "-" || !cli::reads_standard_input(inputs)) return {};
  return fail(ErrorCode::usage, "code and inputs cannot both be standard input");
}

void warn_of_inputs(const std::vector<std::string>& inputs) {
  for (const std::string& doubt : cli::doubts_about_inputs(inputs)) {
    std::fprintf(stderr, "mecapy: warning: %s\n", doubt.c_str());
  }
}

}  // namespace mecapy::main
