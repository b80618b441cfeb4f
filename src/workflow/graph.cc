#include "workflow/graph.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/json.h"

namespace mecapy::workflow {
namespace {

struct Step {
  std::size_t node;
  std::size_t next = 0;  // of its needs
};

// One cycle among the nodes that are not left out.
std::optional<std::vector<std::size_t>> cycle_in(const Graph& graph,
                                                 const std::vector<bool>& without) {
  std::vector<bool> done = without;
  std::vector<bool> on_the_way(graph.size(), false);
  for (std::size_t first = 0; first < graph.size(); ++first) {
    if (done[first]) continue;
    std::vector<Step> way{{first}};
    on_the_way[first] = true;
    while (!way.empty()) {
      Step& here = way.back();
      if (here.next == graph.needs[here.node].size()) {
        done[here.node] = true;
        on_the_way[here.node] = false;
        way.pop_back();
        continue;
      }
      const std::size_t need = graph.needs[here.node][here.next++];
      if (on_the_way[need]) {
        std::vector<std::size_t> cycle;
        for (auto step = std::ranges::find(way, need, &Step::node); step != way.end(); ++step) {
          cycle.push_back(step->node);
        }
        cycle.push_back(need);
        return cycle;
      }
      if (!done[need]) {
        on_the_way[need] = true;
        way.push_back({need});
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::vector<PlacedSource> sources_of(const model::WorkflowNode& node) {
  std::vector<PlacedSource> all;
  for (const auto& [name, source] : node.inputs) {
    all.push_back({base::pointer_to("/inputs", name), &source});
  }
  if (node.each) all.push_back({"/for_each", &*node.each});
  if (node.when) all.push_back({"/when", &*node.when});
  return all;
}

Graph graph_of(const model::Workflow& definition) {
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < definition.nodes.size(); ++i) {
    places.emplace(definition.nodes[i].name, i);
  }
  Graph graph;
  graph.needs.resize(definition.nodes.size());
  graph.needed_by.resize(definition.nodes.size());
  for (std::size_t i = 0; i < definition.nodes.size(); ++i) {
    std::vector<std::size_t>& needs = graph.needs[i];
    for (const PlacedSource& one : sources_of(definition.nodes[i])) {
      const auto* from = std::get_if<model::FromNode>(one.source);
      if (from == nullptr) continue;
      const auto place = places.find(from->node);
      if (place == places.end()) continue;
      if (std::ranges::find(needs, place->second) != needs.end()) continue;
      needs.push_back(place->second);
      graph.needed_by[place->second].push_back(i);
    }
  }
  return graph;
}

std::vector<std::vector<std::size_t>> cycles_of(const Graph& graph) {
  std::vector<std::vector<std::size_t>> cycles;
  std::vector<bool> without(graph.size(), false);
  while (auto cycle = cycle_in(graph, without)) {
    for (const std::size_t node : *cycle) without[node] = true;
    cycles.push_back(std::move(*cycle));
  }
  return cycles;
}

std::vector<std::size_t> order_of(const Graph& graph) {
  std::vector<std::size_t> order, missing;
  for (const auto& needs : graph.needs) missing.push_back(needs.size());
  for (std::size_t i = 0; i < missing.size(); ++i) {
    if (missing[i] == 0) order.push_back(i);
  }
  for (std::size_t at = 0; at < order.size(); ++at) {
    for (const std::size_t next : graph.needed_by[order[at]]) {
      if (--missing[next] == 0) order.push_back(next);
    }
  }
  return order;
}

double longest_path(const Graph& graph, const std::vector<double>& durations) {
  std::vector<double> done(graph.size(), 0);  // when
  double longest = 0;
  for (const std::size_t node : order_of(graph)) {
    for (const std::size_t need : graph.needs[node]) done[node] = std::max(done[node], done[need]);
    done[node] += durations[node];
    longest = std::max(longest, done[node]);
  }
  return longest;
}

std::vector<bool> reached(const std::vector<std::vector<std::size_t>>& edges,
                          const std::vector<std::size_t>& from) {
  std::vector<bool> there(edges.size(), false);
  std::vector<std::size_t> left;
  const auto reach = [&](std::size_t node) {
    if (there[node]) return;
    there[node] = true;
    left.push_back(node);
  };
  for (const std::size_t node : from) reach(node);
  while (!left.empty()) {
    const std::size_t node = left.back();
    left.pop_back();
    for (const std::size_t next : edges[node]) reach(next);
  }
  return there;
}

}  // namespace mecapy::workflow
