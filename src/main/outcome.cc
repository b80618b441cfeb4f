#include "main/outcome.h"

#include <filesystem>

#include "cli/advice.h"
#include "cli/ending.h"
#include "cli/result_text.h"
#include "cli/text.h"
#include "client/download.h"
#include "main/commands.h"

namespace mecapy::main {
namespace {

namespace fs = std::filesystem;

void tell_usage(const Remote& remote, const client::RunAnswer& run) {
  if (!run.cached_from.empty()) {
    remote.err.write("mecapy: not calculated anew: answered from run " +
                     cli::harmless_line(run.cached_from) + "\n");
    return;
  }
  if (!run.usage || run.usage->wall_us == 0) return;  // it never began
  remote.err.write(cli::usage_text(*run.usage));
}

void tell_artifacts(const Remote& remote, const client::RunAnswer& run) {
  for (const client::Artifact& artifact : run.artifacts) {
    remote.err.write(
        cli::artifact_text(artifact.name, artifact.size,
                           "mecapy download " + cli::harmless_line(run.id) + " fetches it"));
  }
}

void tell_failure(const Remote& remote, const client::RunAnswer& run, const EndWords& words) {
  if (run.was_cancelled()) remote.err.write("mecapy: the run was cancelled\n");
  if (run.status != "failed" || !run.failure) return;
  cli::RunAsked asked;
  asked.file = words.file;
  asked.more_by = words.more_by;
  asked.inputs = words.inputs;
  remote.err.write(cli::failure_text(*run.failure, words.file) +
                   cli::failure_advice(*run.failure, asked));
}

}  // namespace

void print_result(const std::string& json, Format format) {
  const cli::Screen out(stdout);
  const cli::Screen err(stderr);
  if (json == "null") err.write("mecapy: calculate returned None; is a return missing?\n");
  if (format == Format::json || !out.is_terminal()) {
    out.write(cli::harmless_json(json) + "\n");
    return;
  }
  const cli::ResultText text = cli::result_text(json);
  out.write(text.lines);
  if (text.shortened) err.write("mecapy: shortened; all of it with --json, or in a pipe\n");
}

cli::Style style_of(const std::string& status) {
  if (status == "completed") return cli::Style::green;
  if (status == "failed") return cli::Style::red;
  return status == "cancelled" ? cli::Style::yellow : cli::Style::plain;
}

int exit_status(const client::RunAnswer& run) {
  if (run.was_cancelled()) return kInterrupted;
  if (run.status == "completed") return 0;
  return model::row(run.failure ? run.failure->code : model::OutcomeCode::internal).exit_code;
}

awaitable<int> keep_artifacts(Remote& remote, const client::RunAnswer& run,
                              std::vector<client::Artifact> wanted, std::string folder,
                              bool replace) {
  std::error_code ec;
  fs::create_directories(folder, ec);
  int status = 0;
  for (client::Artifact& artifact : wanted) {
    const std::string name = artifact.name;
    const auto kept =
        co_await client::download(remote.api, run.id, std::move(artifact), folder,
                                  replace ? client::Existing::replace : client::Existing::keep);
    if (!kept) {
      status = complain_with_advice(kept.error(), Subject::run, remote.target.url);
      if (kept.error().code == ErrorCode::conflict)
        std::fputs("  -> --force replaces it\n", stderr);
      continue;
    }
    const std::string path = (fs::path(folder) / name).string();
    remote.err.write(
        (*kept == client::Kept::fetched ? "mecapy: kept " : "mecapy: already there: ") +
        cli::harmless_line(path, 1000) + "\n");
  }
  co_return status;
}

awaitable<Result<int>> tell_end(Remote& remote, std::string run_id, EndWords words) {
  client::Call call;
  call.path = client::run_path(run_id, "/results");
  const auto body = co_await remote.api.text(std::move(call));
  if (!body) co_return body.error();
  const auto run = client::read_run(*body);
  if (!run) co_return run.error();
  tell_usage(remote, *run);
  int kept = 0;
  if (words.output.empty()) {
    tell_artifacts(remote, *run);
  } else {
    kept = co_await keep_artifacts(remote, *run, run->artifacts, words.output, true);
  }
  tell_failure(remote, *run, words);
  if (remote.json()) {
    print_json(remote, *body);
  } else if (run->result) {
    print_result(*run->result, remote.format);
  }
  const int status = exit_status(*run);
  co_return status != 0 ? status : kept;
}

}  // namespace mecapy::main
