#include "main/workflow_end.h"

#include <algorithm>

#include "base/json.h"
#include "cli/advice.h"
#include "cli/ending.h"
#include "client/answers.h"
#include "client/workflow_answers.h"
#include "main/complain.h"
#include "main/outcome.h"
#include "main/workflow_files.h"
#include "main/workflow_follow.h"
#include "wire/pointer.h"

namespace mecapy::main {
namespace {

void warn(const Remote& remote, const std::string& text) {
  remote.err.write("mecapy: warning: " + cli::harmless_line(text, 2000) + "\n");
}

// What has failed although the workflow has not, by that.
void warn_of_failures(const Remote& remote, const client::WorkflowRunAnswer& run) {
  for (const client::NodeAnswer& node : run.nodes) {
    if (node.elements && node.failed > 0) {
      warn(remote, std::to_string(node.failed) + " of " + std::to_string(*node.elements) +
                       " elements of " + node.name + " failed");
      remote.err.write(cli::elements_advice(run.id, node.name));
    } else if (node.failure && (node.status == "skipped" || node.by_default)) {
      warn(remote, "node " + node.name + " failed" +
                       (node.by_default ? ", and its default stands in: " : " and is skipped: ") +
                       node.failure->code + ": " + node.failure->message);
    }
  }
}

void tell_figures(const Remote& remote, const client::WorkflowRunAnswer& run) {
  std::int64_t reused = 0;
  for (const client::NodeAnswer& node : run.nodes)
    reused += node.elements ? node.reused : !node.reused_from.empty();
  const auto ended = std::ranges::count_if(run.nodes, &client::NodeAnswer::has_ended);
  std::string text = std::to_string(ended) + " of " + std::to_string(run.nodes.size()) + " nodes";
  if (const std::string time = took(remote, run); time != "-") text += " in " + time;
  if (reused > 0) {
    text += "; not calculated anew: " + std::to_string(reused) +
            (reused == 1 ? " result, of an earlier run" : " results, of earlier runs");
  }
  remote.err.write("mecapy: " + text + "\n");
}

// Why a run failed; nothing when it cannot be told now.
awaitable<std::optional<client::RunAnswer>> failed_run(client::Api& api, std::string id) {
  if (id.empty()) co_return std::nullopt;
  client::Call call;
  call.path = client::run_path(id);
  const auto json = co_await api.text(std::move(call));
  if (!json) co_return std::nullopt;
  auto run = client::read_run(*json);
  if (!run || !run->failure) co_return std::nullopt;
  co_return std::move(*run);
}

// The limit that a run of the node ran into, where the workflow sets it for the node; "".
awaitable<std::string> own_limit(client::Api& api, client::WorkflowRunAnswer run,
                                 model::Failure failure) {
  const std::string limit(cli::limit_reached(failure));
  if (limit.empty()) co_return "";
  client::Call call;
  call.path = client::workflow_path(run.workflow_id);
  call.query = {{"version", std::to_string(run.version)}};
  const auto json = co_await api.text(std::move(call));
  const auto workflow = json ? client::read_workflow(*json) : json.error();
  if (!workflow) co_return "";
  const auto limits =
      wire::value_at(workflow->nodes, base::pointer_to("", run.failure->node) + "/limits/" + limit);
  co_return limits ? limit : "";
}

// Which node failed it, and why; the limit that is to be raised for it, where that is its own.
awaitable<std::string> tell_failure(Remote& remote, client::WorkflowRunAnswer run) {
  const client::NodeFailure failure = *run.failure;
  const auto failed = co_await failed_run(remote.api, failure.run_id);
  std::string text = "the workflow failed";
  if (!failure.node.empty()) text = "node " + failure.node + " failed";
  if (failure.element) text += ", element " + std::to_string(*failure.element);
  if (!failed) text += ": " + failure.code + ": " + failure.message;
  remote.err.write("mecapy: " + cli::harmless_line(text, 2000) + "\n");
  if (!failed) co_return "";
  const std::string limit = co_await own_limit(remote.api, run, *failed->failure);
  cli::RunAsked asked;
  asked.more_by = "mecapy task update " + failed->task_id + " -l ";
  remote.err.write(cli::failure_text(*failed->failure, "calc.py") +
                   (limit.empty() ? cli::failure_advice(*failed->failure, asked) : ""));
  remote.err.write("  -> mecapy logs " + failed->id + " shows what it printed\n");
  co_return limit;
}

awaitable<void> tell_no_result(Remote& remote, client::WorkflowRunAnswer run,
                               cli::WorkflowAsked asked) {
  if (run.was_cancelled()) remote.err.write("mecapy: the workflow was cancelled\n");
  cli::WorkflowEnded ended{run.id, run.was_cancelled()};
  if (run.status == "failed" && run.failure) {
    ended.own_limit = co_await tell_failure(remote, run);
    ended.node = run.failure->node;
    ended.code = run.failure->code;
  }
  remote.err.write(cli::workflow_advice(ended, asked));
}

int status_of_code(const std::string& code) {
  if (const auto known = model::parse_outcome(code)) return model::row(*known).exit_code;
  for (const base::ErrorRow& row : base::error_table()) {
    if (row.name == code) return row.exit_code;
  }
  // What a node needs is not in the results, or of another kind.
  return base::row(code == "invalid_inputs" ? ErrorCode::invalid_fields : ErrorCode::internal)
      .exit_code;
}

}  // namespace

awaitable<Result<int>> tell_workflow_end(Remote& remote, std::string run_id,
                                         WorkflowEndWords words) {
  client::Call call;
  call.path = client::workflow_run_path(run_id, "/results");
  const auto body = co_await remote.api.text(std::move(call));
  if (!body) co_return body.error();
  const auto run = client::read_workflow_run(*body);
  if (!run) co_return run.error();
  warn_of_failures(remote, *run);
  tell_figures(remote, *run);
  int kept = 0;
  if (words.output.empty()) {
    co_await tell_workflow_files(remote, *run);
  } else {
    const auto files = co_await keep_workflow_files(remote, *run, words.output);
    kept = files ? *files
                 : complain_with_advice(files.error(), Subject::workflow_run, remote.target.url);
  }
  if (run->status != "completed") co_await tell_no_result(remote, *run, std::move(words.asked));
  if (remote.json()) {
    print_json(remote, *body);
  } else if (run->result) {
    print_result(*run->result, remote.format);
  }
  if (run->was_cancelled()) co_return kInterrupted;
  if (run->status == "completed") co_return kept;
  co_return status_of_code(run->failure ? run->failure->code : "");
}

}  // namespace mecapy::main
