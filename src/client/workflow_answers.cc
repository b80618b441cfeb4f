#include "client/workflow_answers.h"

#include "base/id.h"
#include "client/whole.h"
#include "model/run.h"

namespace mecapy::client {
namespace {

NodeFailure failure_of(const View& error) {
  NodeFailure failure{error.text("node"), error.text("code"), error.text("message"),
                      error.text("run_id"), error.integer("element")};
  if (!base::is_uuid(failure.run_id)) failure.run_id.clear();
  return failure;
}

NodeAnswer node_of(const View& node) {
  NodeAnswer answer{node.text("name"), node.text("task_id")};
  answer.version = node.small("version").value_or(0);
  answer.status = node.text("status");
  answer.elements = node.integer("elements");
  answer.ended = node.integer("ended").value_or(0);
  answer.failed = node.integer("failed").value_or(0);
  answer.reused = node.integer("reused").value_or(0);
  answer.run_id = node.text("run_id");
  answer.reused_from = node.text("reused_from");
  answer.by_default = node.is_true("by_default");
  if (const auto error = node.object("error")) answer.failure = failure_of(*error);
  answer.started_at = node.text("started_at");
  answer.finished_at = node.text("finished_at");
  return answer;
}

}  // namespace

Result<WorkflowAnswer> read_workflow(const std::string& text) {
  const auto whole = read_whole(text, {"inputs", "nodes", "outputs"});
  if (!whole) return whole.error();
  const View workflow = whole->view();
  WorkflowAnswer answer{workflow.text("id"), workflow.text("name"), workflow.text("description")};
  if (!base::is_uuid(answer.id)) return broken();
  answer.version = workflow.small("version").value_or(0);
  answer.inputs = whole->raw("inputs").value_or("");
  answer.nodes = whole->raw("nodes").value_or("");
  answer.outputs = whole->raw("outputs").value_or("");
  answer.updated_at = workflow.text("updated_at");
  return answer;
}

WorkflowEstimate read_workflow_estimate(const std::string& text) {
  const json::value whole = parsed(text);
  const View estimate(whole);
  return {estimate.number("duration_s"), estimate.number("eur"), estimate.is_true("complete")};
}

bool NodeAnswer::has_ended() const {
  return status == "completed" || status == "failed" || status == "skipped";
}

NodeAnswer read_node(const std::string& json) {
  const json::value whole = parsed(json);
  return node_of(View(whole));
}

NodeNews read_node_news(const std::string& json) {
  const json::value whole = parsed(json);
  const View event(whole);
  NodeNews news{event.text("node"), event.text("run_id"), event.small("attempt").value_or(0),
                event.text("text")};
  if (const auto progress = event.object("progress"))
    news.progress = {progress->number("fraction"), progress->text("message")};
  return news;
}

bool WorkflowRunAnswer::has_ended() const {
  const auto known = model::parse_status(status);
  return known && model::is_end(*known);
}

Result<WorkflowRunAnswer> read_workflow_run(const std::string& text) {
  const auto whole = read_whole(text, {"result"});
  if (!whole) return whole.error();
  const View run = whole->view();
  WorkflowRunAnswer answer{run.text("id"), run.text("workflow_id")};
  if (!base::is_uuid(answer.id) || !base::is_uuid(answer.workflow_id)) return broken();
  answer.version = run.small("version").value_or(0);
  answer.status = run.text("status");
  answer.attempt = run.small("attempt").value_or(0);
  answer.cancel_requested = run.is_true("cancel_requested");
  for (const json::value& node : run.list("nodes")) answer.nodes.push_back(node_of(View(node)));
  if (const auto error = run.object("error")) answer.failure = failure_of(*error);
  answer.result = whole->raw("result");
  answer.queued_at = run.text("queued_at");
  answer.finished_at = run.text("finished_at");
  return answer;
}

}  // namespace mecapy::client
