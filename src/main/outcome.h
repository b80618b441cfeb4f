// How a run ended, for the person who asked for it, and as an exit status.
#pragma once

#include <optional>
#include <string>

#include "client/answers.h"
#include "main/remote.h"

namespace mecapy::main {

// What becomes of a run's end.
struct EndWords {
  std::string file = "calc.py";         // the author's name for his code
  std::string output{};                 // folder to keep artifacts in; "" keeps none
  std::string more_by = "-l ";          // cli/advice.h
  std::optional<std::string> inputs{};  // the JSON object that was sent; nothing: not known
};

// The run with its result, once it has ended: figures, failure and artifacts on stderr, the result
// (or, as JSON, the whole run) on stdout. Its exit status: 0, the outcome's, or kInterrupted for
// one that was cancelled.
awaitable<Result<int>> tell_end(Remote& remote, std::string run_id, EndWords words);

// A result, which is valid JSON, on stdout: as itself for programs, as a person reads it on a
// terminal (cli/result_text.h). Says on stderr what is not seen of it.
void print_result(const std::string& json, Format format);

// How the status of a run looks in a list.
cli::Style style_of(const std::string& status);

// The exit status of a run that has ended.
int exit_status(const client::RunAnswer& run);

// Fetches artifacts into `folder`, which is made; 0, or the status of what could not be kept, which
// is told. Each that was kept is told on stderr.
awaitable<int> keep_artifacts(Remote& remote, const client::RunAnswer& run,
                              std::vector<client::Artifact> wanted, std::string folder,
                              bool replace);

}  // namespace mecapy::main
