#include "main/workflow_files.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/file_name.h"
#include "client/answers.h"
#include "client/pages.h"
#include "main/outcome.h"
#include "wire/run_parts.h"

namespace mecapy::main {
namespace {

// A run, and the folder for its files, below that which the user names.
struct Holder {
  std::string run_id;
  std::string folder;
};

bool has_files(const client::RunAnswer& run) {
  return run.status == "completed" && run.artifact_count > 0;
}

// What of that folder may be of an earlier run.
void warn_of_others(const Remote& remote, const std::string& folder) {
  std::error_code ec;
  if (!std::filesystem::is_directory(folder, ec) || std::filesystem::is_empty(folder, ec)) return;
  remote.err.write("mecapy: warning: " + cli::harmless_line(folder, 1000) +
                   " is not empty: what is not named below is not of this run\n");
}

// The elements of a list that left files.
awaitable<Result<std::vector<Holder>>> elements_with_files(Remote& remote, std::string run,
                                                           std::string node) {
  const auto items = co_await client::list(
      remote.api, client::workflow_run_path(run, "/nodes/" + wire::url_path(node)), {}, 0);
  if (!items) co_return items.error();
  const auto runs = client::read_each(*items, client::read_run);
  if (!runs) co_return runs.error();
  std::vector<Holder> found;
  for (std::size_t i = 0; i < runs->size(); ++i) {
    if (!has_files((*runs)[i])) continue;
    const int element = client::integer_member((*items)[i], "element");
    found.push_back({(*runs)[i].id, node + "/" + std::to_string(element)});
  }
  co_return found;
}

awaitable<Result<int>> keep_files_of(Remote& remote, Holder holder, std::string folder) {
  client::Call call;
  call.path = client::run_path(holder.run_id);
  const auto json = co_await remote.api.text(std::move(call));
  if (!json) co_return json.error();
  const auto run = client::read_run(*json);
  if (!run) co_return run.error();
  if (!has_files(*run)) co_return 0;
  const auto place = std::filesystem::path(folder) / holder.folder;
  co_return co_await keep_artifacts(remote, *run, run->artifacts, place.string(), true);
}

}  // namespace

awaitable<Result<int>> keep_workflow_files(Remote& remote, client::WorkflowRunAnswer run,
                                           std::string folder) {
  int status = 0;
  warn_of_others(remote, folder);
  for (const client::NodeAnswer& node : run.nodes) {
    std::vector<Holder> holders;
    // A list that did not end tells no elements any more.
    if (node.elements || node.status != "completed") {
      auto found = co_await elements_with_files(remote, run.id, node.name);
      if (!found) co_return found.error();
      holders = std::move(*found);
    } else if (!node.run_id.empty()) {
      holders.push_back({node.run_id, node.name});
    }
    if (!holders.empty() && !base::is_file_name(node.name)) {
      co_return fail(ErrorCode::usage, "node \"" + node.name + "\" cannot be the name of a folder");
    }
    for (Holder& holder : holders) {
      const auto kept = co_await keep_files_of(remote, std::move(holder), folder);
      if (!kept) co_return kept.error();
      if (*kept != 0) status = *kept;
    }
  }
  co_return status;
}

awaitable<void> tell_workflow_files(Remote& remote, client::WorkflowRunAnswer run) {
  const auto page = co_await client::get_page(
      remote.api, "/api/runs", {{"workflow_run_id", run.id}}, client::kLargestPage, "");
  if (!page) co_return;
  const auto runs = client::read_each(page->items, client::read_run);
  if (!runs || std::ranges::none_of(*runs, has_files)) co_return;
  remote.err.write("mecapy: its nodes left files: mecapy workflow result " + run.id +
                   " -o FOLDER keeps them\n");
}

}  // namespace mecapy::main
