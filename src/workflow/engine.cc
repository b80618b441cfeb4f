#include "workflow/engine.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "base/overloaded.h"

namespace mecapy::workflow {
namespace {

std::size_t in_flight(const State& state) {
  std::size_t count = 0;
  for (const NodeState& node : state.nodes) count += node.open.size();
  return count;
}

}  // namespace

Plan::Plan(const model::Workflow& definition) : graph_(graph_of(definition)) {
  for (const model::WorkflowNode& node : definition.nodes) {
    on_error_.push_back(node.on_error);
    is_list_.push_back(node.each.has_value());
  }
}

State Plan::start() const {
  State state;
  state.nodes.resize(graph_.size());
  return state;
}

std::vector<Action> Plan::step(State& state, const Event& event, std::size_t width) const {
  std::vector<Action> actions;
  if (model::is_end(state.status)) return actions;
  std::visit(
      base::Overloaded{[](const Begun&) {}, [&](const Read& read_now) { read(state, read_now); },
                       [&](const NotWanted& one) {
                         NodeState& node = state.nodes[one.node];
                         if (node.status == NodeStatus::reading) node.status = NodeStatus::skipped;
                       },
                       [&](const Unreadable& one) {
                         if (state.nodes[one.node].status == NodeStatus::reading) {
                           fail(state, one.node);
                         }
                       },
                       [&](const Ended& ended) { end(state, ended); },
                       [&](const CancelAsked&) {
                         if (state.status == Status::cancelling) return;
                         state.status = Status::cancelling;
                         if (in_flight(state) > 0) actions.emplace_back(CancelRuns{});
                       }},
      event);
  settle(state, width, actions);
  return actions;
}

void Plan::read(State& state, const Read& event) const {
  NodeState& node = state.nodes[event.node];
  if (node.status != NodeStatus::reading) return;
  node.elements = event.elements;
  node.status = event.elements == 0 ? NodeStatus::completed : NodeStatus::running;
}

void Plan::end(State& state, const Ended& event) const {
  NodeState& node = state.nodes[event.node];
  const auto open = std::ranges::lower_bound(node.open, event.element);
  if (open == node.open.end() || *open != event.element) return;
  node.open.erase(open);
  if (event.failed && state.status == Status::cancelling) return;  // we ended it
  if (event.failed) {
    ++node.failed;
    if (on_error_[event.node] == model::OnError::fail || !is_list_[event.node])
      fail(state, event.node);
  }
  if (node.status == NodeStatus::running && node.begun == node.elements && node.open.empty()) {
    node.status = NodeStatus::completed;
  }
}

// A node is failed at once, though others of its elements run.
void Plan::fail(State& state, std::size_t place) const {
  NodeState& node = state.nodes[place];
  switch (on_error_[place]) {
    case model::OnError::fail:
      node.status = NodeStatus::failed;
      if (state.status == Status::running) state.status = Status::failing;
      break;
    case model::OnError::skip:
      node.status = NodeStatus::skipped;
      break;
    case model::OnError::by_default:
      node.status = NodeStatus::completed;
      node.by_default = true;
      break;
  }
}

void Plan::settle(State& state, std::size_t width, std::vector<Action>& actions) const {
  if (state.status == Status::running) {
    while (pass_on(state, actions)) {
    }
    begin_runs(state, width, actions);
    const bool all = std::ranges::all_of(state.nodes, [](const NodeState& node) {
      return node.status == NodeStatus::completed || node.status == NodeStatus::skipped;
    });
    if (all) finish(state, Status::completed, actions);
    return;
  }
  // What is read now is not waited for: its event comes too late.
  for (NodeState& node : state.nodes) {
    if (node.status == NodeStatus::reading) node.status = NodeStatus::waiting;
  }
  if (in_flight(state) > 0) return;
  finish(state, state.status == Status::failing ? Status::failed : Status::cancelled, actions);
}

// One step further from what is known of each node's needs; false when there is none.
bool Plan::pass_on(State& state, std::vector<Action>& actions) const {
  bool changed = false;
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    NodeState& node = state.nodes[i];
    if (node.status != NodeStatus::waiting) continue;
    const auto is = [&](NodeStatus status) {
      return [&state, status](std::size_t need) { return state.nodes[need].status == status; };
    };
    if (std::ranges::any_of(graph_.needs[i], is(NodeStatus::skipped))) {
      node.status = NodeStatus::skipped;
      changed = true;
    } else if (std::ranges::all_of(graph_.needs[i], is(NodeStatus::completed))) {
      node.status = NodeStatus::reading;
      actions.emplace_back(ReadNode{i});
      changed = true;
    }
  }
  return changed;
}

// Each place goes to the node that has the fewest runs open: none waits behind a list.
void Plan::begin_runs(State& state, std::size_t width, std::vector<Action>& actions) const {
  std::map<std::size_t, std::size_t> counts;  // by node
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    const NodeState& node = state.nodes[i];
    if (node.status == NodeStatus::running && node.begun < node.elements) counts[i] = 0;
  }
  std::size_t room = counts.empty() ? 0 : width - std::min(width, in_flight(state));
  for (; room > 0; --room) {
    const auto open = [&](const auto& one) {
      const NodeState& node = state.nodes[one.first];
      const bool more = node.begun + one.second < node.elements;
      return more ? node.open.size() + one.second : std::numeric_limits<std::size_t>::max();
    };
    const auto next = std::ranges::min_element(counts, {}, open);
    if (open(*next) == std::numeric_limits<std::size_t>::max()) break;
    ++next->second;
  }
  for (const auto& [i, count] : counts) {
    if (count == 0) continue;
    NodeState& node = state.nodes[i];
    actions.emplace_back(BeginRuns{i, node.begun, count});
    for (std::size_t element = 0; element < count; ++element) {
      node.open.push_back(node.begun + element);
    }
    node.begun += count;
  }
}

// A list that was broken off is waiting, as what never began.
void Plan::finish(State& state, Status status, std::vector<Action>& actions) const {
  state.status = status;
  for (NodeState& node : state.nodes) {
    if (node.status == NodeStatus::running) node = NodeState{};
  }
  actions.emplace_back(Finish{status});
}

std::vector<Action> Plan::again(const State& state) const {
  std::vector<Action> actions;
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    const NodeState& node = state.nodes[i];
    if (node.status == NodeStatus::reading) actions.emplace_back(ReadNode{i});
    for (const std::size_t element : node.open) actions.emplace_back(BeginRuns{i, element, 1});
  }
  if (state.status == Status::cancelling) actions.emplace_back(CancelRuns{});
  if (model::is_end(state.status)) actions.emplace_back(Finish{state.status});
  return actions;
}

State Plan::resumed(const State& ended, const std::vector<std::size_t>& changed) const {
  State state = start();
  const std::vector<bool> anew = reached(graph_.needed_by, changed);
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    if (ended.nodes[i].status == NodeStatus::completed && !anew[i]) state.nodes[i] = ended.nodes[i];
  }
  return state;
}

}  // namespace mecapy::workflow
