#include "main/workflow_follow.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "cli/graph_look.h"
#include "cli/text.h"
#include "client/answers.h"
#include "main/follower.h"
#include "main/node_logs.h"
#include "wire/json.h"

namespace mecapy::main {
namespace {

using State = cli::GraphNode::State;

// "x, y" of those that are not empty.
std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    if (!word.empty()) out += (out.empty() ? "" : ", ") + word;
  }
  return out;
}

std::string counted(std::int64_t count, const char* what) {
  return count > 0 ? std::to_string(count) + " " + what : "";
}

// "3/10", of a list.
std::string share_of(const client::NodeAnswer& node) {
  return node.elements ? std::to_string(node.ended) + "/" + std::to_string(*node.elements) : "";
}

class WorkflowFollower final : public Follower {
 public:
  WorkflowFollower(Remote& remote, const client::WorkflowRunAnswer& run, Interrupt interrupt,
                   EndsBefore before)
      : Follower(remote, {client::workflow_run_path(run.id), "workflow", interrupt}),
        tells_(interrupt == Interrupt::asks),
        ends_(std::move(before)) {
    for (const client::NodeAnswer& node : run.nodes) {
      nodes_.push_back(node);
      longest_ = std::max(longest_, cli::width(cli::harmless_line(node.name, 64)));
    }
  }

 private:
  void take(const client::Event& event) override {
    if (event.kind == "status") hear_status(client::text_member(event.data, "status"));
    if (event.kind == "node") hear_node(client::read_node(event.data));
    if (event.kind == "progress") hear_progress(client::read_node_news(event.data));
    if (event.kind == "log") hear_log(client::read_node_news(event.data));
  }

  void hear_status(const std::string& status) {
    const auto known = model::parse_status(status);
    has_ended_ = known && model::is_end(*known);
    if (!has_ended_) return;
    for (const client::NodeAnswer& node : nodes_) {
      logs_.end_line(node.name);
      if (may_change(node)) tell(node);
    }
  }

  void hear_node(client::NodeAnswer node) {
    const auto it = std::ranges::find(nodes_, node.name, &client::NodeAnswer::name);
    if (it == nodes_.end()) return;
    *it = std::move(node);
    if (!it->has_ended()) return;
    progress_.erase(it->name);
    logs_.end_line(it->name);
    if (!may_change(*it)) tell(*it);
  }

  void hear_progress(client::NodeNews news) {
    if (knows(news.node)) progress_[news.node] = std::move(news.progress);
  }

  void hear_log(client::NodeNews news) {
    if (tells_ && knows(news.node)) logs_.hear(std::move(news));
  }

  bool knows(const std::string& node) const {
    return std::ranges::find(nodes_, node, &client::NodeAnswer::name) != nodes_.end();
  }

  // A list has failed with its first element; those that run are counted until the workflow ends.
  static bool may_change(const client::NodeAnswer& node) {
    return node.elements && node.status == "failed";
  }

  // Once for each of its ends.
  void tell(const client::NodeAnswer& node) {
    std::string& told = ends_[node.name];
    const std::string end = node.finished_at.empty() ? node.status : node.finished_at;
    if (!tells_ || told == end) return;
    told = end;
    const cli::StateLook& look = cli::look(state_of(node));
    const std::string name = cli::harmless_line(node.name, 64);
    const std::string note = note_of(remote(), node);
    std::string text = remote().err.styled(look.symbol, look.style) + " " + name;
    if (!note.empty()) text += std::string(longest_ + 2 - cli::width(name), ' ') + note;
    // Styled already, so not for say(), which would write the styles out.
    tell_line(text + "\n");
  }

  std::string line(const std::string& clock) override {
    if (has_ended_) return "";
    const auto ended = std::ranges::count_if(nodes_, &client::NodeAnswer::has_ended);
    std::vector<std::string> words = {std::to_string(ended) + "/" + std::to_string(nodes_.size()) +
                                      " nodes"};
    for (const client::NodeAnswer& node : nodes_) {
      if (node.status == "running" || may_change(node))
        words.push_back(cli::harmless_line(node.name, 30) +
                        (node.elements ? " " + share_of(node) : "") + reported(node.name));
    }
    const double all = nodes_.empty() ? 1 : static_cast<double>(nodes_.size());
    const std::string text =
        "running" + cli::progress_text(static_cast<double>(ended) / all, joined(words));
    const std::size_t room = remote().err.columns() - 1;
    return cli::harmless_line(text, room > clock.size() ? room - clock.size() : 1) + clock;
  }

  // " 40% meshing", as the node's run reported last.
  std::string reported(const std::string& node) const {
    const auto found = progress_.find(node);
    if (found == progress_.end()) return "";
    const auto& [fraction, message] = found->second;
    std::string text;
    if (fraction)
      text +=
          " " + std::to_string(std::lround(std::floor(std::clamp(*fraction, 0., 1.) * 100))) + "%";
    if (!message.empty()) text += " " + cli::harmless_line(message, 40);
    return text;
  }

  bool tells_;
  bool has_ended_ = false;
  std::vector<client::NodeAnswer> nodes_;
  std::size_t longest_ = 0;
  NodeLogs logs_{[this](const std::string& node, const std::string& line) {
    say(remote().err, cli::harmless_line(node, 64) + " | " + line + "\n");
  }};
  std::map<std::string, client::Progress> progress_;
  EndsBefore ends_;  // what was told
};

// From the start of what is told until its end, or until now.
std::string time_between(const Remote& remote, const std::string& from, const std::string& to) {
  const auto begun = cli::parse_time(from);
  if (!begun) return "";
  const auto ended = cli::parse_time(to);
  return ended ? cli::duration(std::max(0., *ended - *begun))
               : cli::elapsed(std::max(0., remote.now() - *begun));
}

}  // namespace

EndsBefore ends_of(const client::WorkflowRunAnswer& run) {
  EndsBefore ends;
  for (const client::NodeAnswer& node : run.nodes) {
    if (node.status == "completed" || node.status == "skipped")
      ends[node.name] = node.finished_at.empty() ? node.status : node.finished_at;
  }
  return ends;
}

std::string took(const Remote& remote, const client::WorkflowRunAnswer& run) {
  const auto begun = cli::parse_time(run.queued_at);
  if (!begun || run.attempt > 1) return "-";
  const auto ended = cli::parse_time(run.finished_at);
  const double seconds = std::max(0., ended.value_or(remote.now()) - *begun);
  return run.has_ended() && ended ? cli::duration(seconds) : cli::elapsed(seconds);
}

cli::GraphNode::State state_of(const client::NodeAnswer& node) {
  if (node.status == "completed" && node.failed > 0) return State::partial;
  constexpr State kStates[] = {State::waiting, State::running, State::completed, State::failed,
                               State::skipped};
  for (const State state : kStates) {
    if (node.status == cli::look(state).word) return state;
  }
  return State::none;
}

std::string note_of(const Remote& remote, const client::NodeAnswer& node) {
  if (node.status == "waiting") return "";
  if (node.status == "skipped")
    return node.failure ? cli::harmless_line("skipped: " + node.failure->code, 40) : "skipped";
  const bool all_reused =
      node.elements ? node.reused > 0 && node.reused == *node.elements : !node.reused_from.empty();
  return joined({share_of(node), counted(node.failed, "failed"),
                 all_reused ? "reused" : counted(node.reused, "reused"),
                 node.by_default ? "its default" : "",
                 node.failure && !node.elements ? cli::harmless_line(node.failure->code, 30) : "",
                 all_reused ? "" : time_between(remote, node.started_at, node.finished_at)});
}

awaitable<Result<Followed>> follow_workflow(Remote& remote, std::string run_id, Interrupt interrupt,
                                            EndsBefore before) {
  client::Call call;
  call.path = client::workflow_run_path(run_id);
  const auto json = co_await remote.api.text(std::move(call));
  if (!json) co_return json.error();
  const auto run = client::read_workflow_run(*json);
  if (!run) co_return run.error();
  WorkflowFollower follower(remote, *run, interrupt, std::move(before));
  co_return co_await follower.follow();
}

}  // namespace mecapy::main
